"""The fault matrix: every fault of the network and of processes, at every part of the distributed profile, under load.

    python bench/faults/run.py [--parts postgresql,redis] [--faults freeze,kill] [--out FOLDER]

Prints a line a cell, then the table; writes matrix.md and matrix.json. Needs PostgreSQL, Redis, MinIO and Weaviate on the PATH or in .cache/bin.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.faults.cell import FAULT_S, FREEZE_S, RECOVERY_S, SILENCE_S, Verdict, cell  # noqa: E402
from bench.faults.relay import FAULTS  # noqa: E402
from bench.faults.stand import DEPENDENCIES, SERVICES, stand  # noqa: E402

ALL_FAULTS = (*FAULTS, "freeze", "kill")
NOBODY_CALLS = ("worker",)
"""No fault of the network: nobody connects to it."""


def cells(parts: list[str], faults: list[str]) -> list[tuple[str, str]]:
    """Every part with every fault that it can have."""
    return [(p, f) for p in parts for f in faults if not (p in NOBODY_CALLS and f in FAULTS)]


async def matrix(wanted: list[tuple[str, str]], *, fault_s: float, freeze_s: float, folder: Path) -> list[Verdict]:
    """All cells, one after the other, on one stand."""
    verdicts = []
    async with stand(folder) as made:
        await cell(made, "redis", "latency", fault_s=0.5)  # warms everything up
        for part, fault in wanted:
            verdict = await cell(made, part, fault, fault_s=fault_s, freeze_s=freeze_s)
            verdicts.append(verdict)
            print(_line(verdict), flush=True)
            if verdict.died:
                await asyncio.to_thread(made.apart.start, *made.dead())
    return verdicts


def _line(one: Verdict) -> str:
    shown = f"{one.part:<11} {one.fault:<11} silent {one.silent_s:5.1f} s  full service after {one.recovery_s:5.1f} s"
    shown += f"  longest request {one.request_s:5.1f} s  {one.completed:4} well  {'holds' if one.holds else 'FAILS'}"
    notes = [f"died: {one.died}"] if one.died else []
    notes += [f"lost: {one.lost[:3]}"] if one.lost else []
    notes += [f"silent {one.silent_after}"] if one.silent_s > SILENCE_S else []
    notes += [f"last: {one.waiting_for}"] if one.recovery_s > RECOVERY_S else []
    notes += [f"grown {one.grown_mib:.0f} MiB"] if one.grown_mib > 32 else []
    return "  ".join([shown, *notes])


def table(verdicts: list[Verdict]) -> str:
    """Parts down, faults across: longest silence of a call / seconds to full service; a cell that does not hold in bold."""
    parts = list(dict.fromkeys(one.part for one in verdicts))
    faults = [fault for fault in ALL_FAULTS if any(one.fault == fault for one in verdicts)]
    by = {(one.part, one.fault): one for one in verdicts}
    rows = ["| part | " + " | ".join(faults) + " |", "|---" * (len(faults) + 1) + "|"]
    for part in parts:
        shown = []
        for fault in faults:
            one = by.get((part, fault))
            text = f"{one.silent_s:.1f} / {one.recovery_s:.1f}" if one else "-"
            shown.append(text if one is None or one.holds else f"**{text}**")
        rows.append(f"| {part} | " + " | ".join(shown) + " |")
    return "\n".join(rows)


def joined(earlier: list[Path], verdicts: list[Verdict]) -> list[Verdict]:
    """Cells of earlier runs, replaced by those of later ones, in the order of the matrix."""
    known = {
        (one.part, one.fault): one
        for path in earlier
        for one in (Verdict(**row) for row in json.loads(path.read_text()))
    }
    known |= {(one.part, one.fault): one for one in verdicts}
    order = [*DEPENDENCIES, *SERVICES]
    return sorted(known.values(), key=lambda one: (order.index(one.part), ALL_FAULTS.index(one.fault)))


def report(verdicts: list[Verdict]) -> str:
    """The table and the counts."""
    well = sum(one.holds for one in verdicts)
    died, lost = sum(len(one.died) for one in verdicts), sum(len(one.lost) for one in verdicts)
    silent = sum(one.silent_s > SILENCE_S for one in verdicts)
    late = sum(one.recovery_s > RECOVERY_S for one in verdicts)
    return (
        f"{table(verdicts)}\n\nEach cell: longest silence of a call in s / s from the end of the fault to full service.\n"
        f"{well} of {len(verdicts)} cells hold. Processes that died: {died}. Acknowledged turns and documents lost or twice: {lost}. "
        f"Cells with a call silent for over {SILENCE_S:g} s: {silent}; with full service after more than {RECOVERY_S:g} s: {late}.\n"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--parts", default=",".join((*DEPENDENCIES, *SERVICES)))
    options.add_argument("--faults", default=",".join(ALL_FAULTS))
    options.add_argument("--cells", default="", help="part:fault,... instead of all of --parts with all of --faults")
    options.add_argument(
        "--join", type=Path, nargs="*", default=[], help="matrix.json of earlier runs; the new cells replace theirs"
    )
    options.add_argument("--fault-s", type=float, default=FAULT_S)
    options.add_argument("--freeze-s", type=float, default=FREEZE_S)
    options.add_argument("--out", type=Path, default=Path("."))
    chosen = options.parse_args()
    wanted = cells(chosen.parts.split(","), chosen.faults.split(","))
    if chosen.cells:
        wanted = [(part, fault) for part, _, fault in (one.partition(":") for one in chosen.cells.split(","))]
    with tempfile.TemporaryDirectory(prefix="va-faults-", ignore_cleanup_errors=True) as folder:
        verdicts = asyncio.run(matrix(wanted, fault_s=chosen.fault_s, freeze_s=chosen.freeze_s, folder=Path(folder)))
    verdicts = joined(chosen.join, verdicts)
    print("\n" + report(verdicts))
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "matrix.md").write_text(report(verdicts))
    (chosen.out / "matrix.json").write_text(json.dumps([dataclasses.asdict(one) for one in verdicts], indent=1))


if __name__ == "__main__":
    main()
