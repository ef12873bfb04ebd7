"""Figures of a run: percentiles, a table, a JSON file, and a waterfall of our stages."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sound import Answer

STAGES = ("soft_end", "transcript", "committed", "first_token", "first_clause", "first_audio")
Run = dict[str, list[tuple[str, Answer]]]


def figures(answers: list[Answer]) -> dict[str, float | int]:
    """Answered, cut in on, unanswered, and percentiles of what was received (ms) and heard (ms)."""
    made: dict[str, float | int] = {
        "asked": len(answers),
        "answered": sum(one.received_ms is not None for one in answers),
        "cut_in": sum(one.early for one in answers),
    }
    for kind in ("received_ms", "heard_ms"):
        values = [getattr(one, kind) for one in answers if getattr(one, kind) is not None]
        if values:
            made |= {f"{kind}_{name}": round(float(value), 1) for name, value in _spread(values)}
    return made


def _spread(values: list[float]) -> list[tuple[str, float]]:
    return [
        ("p50", float(np.percentile(values, 50))),
        ("p95", float(np.percentile(values, 95))),
        ("min", min(values)),
        ("max", max(values)),
    ]


def stage_medians(answers: list[Answer]) -> dict[str, float]:
    """The median of each stage over the answers that know it, ms from the last voiced sample."""
    found = {name: [one.stages_ms[f"{name}_ms"] for one in answers if f"{name}_ms" in one.stages_ms] for name in STAGES}
    return {name: round(float(np.median(values)), 1) for name, values in found.items() if values}


def printed(run: Run) -> dict[str, object]:
    """Print the table; return what goes into the JSON file."""
    results: dict[str, object] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "answers": {who: [{"question": name, **asdict(one)} for name, one in pairs] for who, pairs in run.items()},
    }
    print(
        f"\n{'ms from last voiced sample':<28}"
        + "".join(f"{name:>10}" for name in ("p50", "p95", "min", "max", "answered", "cut in"))
    )
    table = {who: figures([one for _, one in pairs]) for who, pairs in run.items()}
    for who, row in table.items():
        for kind, what in (("received_ms", "received"), ("heard_ms", "heard")):
            cells = [f"{row.get(f'{kind}_{name}', float('nan')):10.0f}" for name in ("p50", "p95", "min", "max")]
            print(
                f"{who + ', ' + what:<28}" + "".join(cells) + f"{row['answered']:>7}/{row['asked']}{row['cut_in']:>10}"
            )
    results["figures"] = table
    if {"ours", "peer"} <= table.keys() and "received_ms_p50" in table["ours"] and "received_ms_p50" in table["peer"]:
        ratio = table["ours"]["received_ms_p50"] / table["peer"]["received_ms_p50"]
        results["ratio_p50"] = round(ratio, 3)
        print(f"\np50 ours / p50 peer = {ratio:.2f}")
    if "ours" in run and (medians := stage_medians([one for _, one in run["ours"]])):
        results["stages_p50_ms"] = medians
        print("our stages, p50: " + ", ".join(f"{name} {value:.0f}" for name, value in medians.items()))
    return results


def written(results: dict[str, object], run: Run, folder: Path) -> None:
    """latency.json and, where matplotlib is there, waterfall.png."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latency.json").write_text(json.dumps(results, indent=1))
    ours = [(name, one) for name, one in run.get("ours", []) if one.received_ms is not None and one.stages_ms]
    if ours:
        _waterfall(ours, folder / "waterfall.png")
    print(f"written: {folder}/latency.json" + (", waterfall.png" if ours else ""))


def _waterfall(ours: list[tuple[str, Answer]], file: Path) -> None:
    try:
        import matplotlib
    except ImportError:
        print("no plot: matplotlib is not installed (the extra `bench`)")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10, 1.5 + 0.28 * len(ours)))
    colours = pyplot.get_cmap("viridis")(np.linspace(0.05, 0.95, len(STAGES) + 1))
    for row, (_, one) in enumerate(ours):
        ends = [(name, one.stages_ms[f"{name}_ms"]) for name in STAGES if f"{name}_ms" in one.stages_ms]
        ends.append(("received", one.received_ms or 0.0))
        start = 0.0
        for name, end in sorted(ends, key=lambda pair: pair[1]):
            colour = colours[[*STAGES, "received"].index(name)]
            axes.barh(row, max(0.0, end - start), left=start, color=colour, label=name if row == 0 else None)
            start = max(start, end)
    axes.set_yticks(range(len(ours)), [name for name, _ in ours], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("ms after the last voiced sample; each bar ends when its stage is reached")
    axes.legend(
        fontsize=7, ncols=len(STAGES) + 1, loc="upper center", bbox_to_anchor=(0.5, 1.0 + 1.2 / (len(ours) + 4))
    )
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
