"""The fault matrix: every fault of the network and of processes, at every part of the distributed profile, under load.

    python bench/faults/run.py [--parts postgresql,redis] [--faults freeze,kill] [--resume | --missed] [--out FOLDER]

Prints a line a cell, then the table; writes matrix.json after every cell, from which an interrupted run goes on with --resume.
Needs PostgreSQL, Redis, MinIO and Weaviate on the PATH or in .cache/bin. publish.py puts the outcome into the README and draws it.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from bench.faults.cell import FAULT_S, FREEZE_S, RECOVERY_S, SILENCE_S, Verdict, cell  # noqa: E402
from bench.faults.relay import FAULTS  # noqa: E402
from bench.faults.stand import DEPENDENCIES, SERVICES, Stand, stand  # noqa: E402

ALL_FAULTS = (*FAULTS, "freeze", "kill")
NOBODY_CALLS = ("worker",)
"""No fault of the network: nobody connects to it."""


def cells(parts: list[str], faults: list[str]) -> list[tuple[str, str]]:
    """Every part with every fault that it can have."""
    return [(p, f) for p in parts for f in faults if not (p in NOBODY_CALLS and f in FAULTS)]


async def matrix(wanted: list[tuple[str, str]], known: Path, *, fault_s: float, freeze_s: float, folder: Path) -> None:
    """All cells, one after the other, on one stand; on a new one after a cell that broke it. Each verdict goes to `known` at once."""
    left = list(wanted)
    for number in range(1, len(wanted) + 1):
        place = folder / str(number)
        place.mkdir()
        async with stand(place) as made:
            await _warmed(made)
            while left:
                part, fault = left.pop(0)
                verdict = await cell(made, part, fault, fault_s=fault_s, freeze_s=freeze_s)
                kept(known, verdict)
                print(_line(verdict), flush=True)
                if verdict.is_broken:
                    break
                if fault == "kill":
                    await _warmed(made)
        if not left:
            return


async def _warmed(made: Stand) -> None:
    """A process that was just started loads the rest of its code with its first calls: that is no growth of the next cell."""
    await cell(made, "redis", "latency", fault_s=0.5)


def kept(known: Path, verdict: Verdict) -> None:
    """Put the verdict into the file, in the place of an earlier one of the same cell."""
    verdicts = joined([known] if known.exists() else [], [verdict])
    half = known.with_suffix(".half")
    half.write_text(json.dumps([dataclasses.asdict(one) for one in verdicts], indent=1) + "\n")
    half.replace(known)


def _line(one: Verdict) -> str:
    shown = f"{one.part:<11} {one.fault:<11} silent {one.silent_s:5.1f} s  full service after {one.recovery_s:5.1f} s"
    shown += f"  longest request {one.request_s:5.1f} s  {one.completed:4} well  {'holds' if one.holds else 'FAILS'}"
    notes = [f"died: {one.died}"] if one.died else []
    notes += [f"lost: {one.lost[:3]}"] if one.lost else []
    notes += [f"silent {one.silent_after}"] if one.silent_s > SILENCE_S else []
    notes += [f"last: {one.waiting_for}"] if one.recovery_s > RECOVERY_S / 2 else []
    notes += [f"{one.grown} grown {one.grown_mib:.0f} MiB"] if one.grown_mib > 32 else []
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
    options.add_argument("--resume", action="store_true", help="only cells that matrix.json does not have")
    options.add_argument(
        "--missed", action="store_true", help="only cells that matrix.json does not have, or that do not hold in it"
    )
    options.add_argument("--fault-s", type=float, default=FAULT_S)
    options.add_argument("--freeze-s", type=float, default=FREEZE_S)
    options.add_argument("--out", type=Path, default=HERE)
    chosen = options.parse_args()
    wanted = cells(chosen.parts.split(","), chosen.faults.split(","))
    if chosen.cells:
        wanted = [(part, fault) for part, _, fault in (one.partition(":") for one in chosen.cells.split(","))]
    chosen.out.mkdir(parents=True, exist_ok=True)
    known = chosen.out / "matrix.json"
    verdicts = joined([known], []) if known.exists() else []
    done = {(one.part, one.fault) for one in verdicts if chosen.resume or (chosen.missed and one.holds)}
    wanted = [one for one in wanted if one not in done]
    with tempfile.TemporaryDirectory(prefix="va-faults-", ignore_cleanup_errors=True) as folder:
        asyncio.run(matrix(wanted, known, fault_s=chosen.fault_s, freeze_s=chosen.freeze_s, folder=Path(folder)))
    print("\n" + report(joined([known], [])))


if __name__ == "__main__":
    main()
