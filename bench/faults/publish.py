"""Puts the outcome of the fault matrix where people look: the table into README.md beside this file, the picture into docs/faults.png.

python bench/faults/publish.py [MATRIX.JSON]
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import matplotlib as mpl  # noqa: E402

mpl.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from bench.faults.cell import RECOVERY_S, Verdict  # noqa: E402
from bench.faults.run import ALL_FAULTS, HERE, joined, report  # noqa: E402

PICTURE = ROOT / "docs" / "faults.png"
BEGIN, END = "<!-- matrix -->", "<!-- /matrix -->"


def written(verdicts: list[Verdict], page: Path) -> None:
    """Replace what stands between the marks in `page` by the table and the counts."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    loads = [one.load for one in verdicts]
    load = f"Load of the machine during it: {min(loads):.0f} to {max(loads):.0f}, on two cores."
    page.write_text(f"{before}{BEGIN}\n{report(verdicts)}{load}\n{END}{after}")


def drawn(verdicts: list[Verdict], picture: Path) -> None:
    """Parts down, faults across, the colour is the time to full service."""
    parts = list(dict.fromkeys(one.part for one in verdicts))
    by = {(one.part, one.fault): one for one in verdicts}
    nan = float("nan")
    seconds = [[by[part, fault].recovery_s if (part, fault) in by else nan for fault in ALL_FAULTS] for part in parts]
    figure, axes = plt.subplots(figsize=(9.5, 6.2))
    shown = axes.imshow(seconds, cmap="YlOrRd", vmin=0.0, vmax=RECOVERY_S, aspect="auto")
    axes.set_xticks(range(len(ALL_FAULTS)), [fault.replace("_", " ") for fault in ALL_FAULTS])
    axes.set_yticks(range(len(parts)), parts)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    for (part, fault), one in by.items():
        well = "normal" if one.holds else "bold"
        text = f"{one.recovery_s:.1f} s\n{one.silent_s:.1f} s silent"
        place = (ALL_FAULTS.index(fault), parts.index(part))
        axes.text(*place, text, ha="center", va="center", fontsize=7, weight=well, color=_ink(one.recovery_s))
    figure.colorbar(shown, label=f"seconds from the end of the fault to full service ({RECOVERY_S:g} allowed)")
    count = sum(one.holds for one in verdicts)
    axes.set_title(f"{count} of {len(verdicts)} cells hold; bold: as not asked", pad=28)
    figure.tight_layout()
    figure.savefig(picture, dpi=130)


def _ink(seconds: float) -> str:
    return "white" if seconds > 0.7 * RECOVERY_S else "black"


def main() -> None:
    verdicts = joined([Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "matrix.json"], [])
    written(verdicts, HERE / "README.md")
    drawn(verdicts, PICTURE)


if __name__ == "__main__":
    main()
