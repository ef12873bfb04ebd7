"""Pictures of the plan: cores by station, what waits, what matters, and a zone that fails."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from bench.scale.capacity import STATIONS, Plan
from bench.scale.simulate import Failure, Seen

matplotlib.use("Agg")
from matplotlib import pyplot


def drawn(
    folder: Path,
    plans: list[tuple[Plan, Seen]],
    gpu: list[tuple[Plan, Seen]],
    varied: list[tuple[str, int, int]],
    failure: Failure,
) -> None:
    """Write `scale.png` into the folder."""
    figure, ((left, right), (low, last)) = pyplot.subplots(2, 2, figsize=(11, 7.5))
    _cores(left, plans, gpu)
    _waits(right, plans)
    _varied(low, varied, plans)
    last.plot(failure.seconds, failure.p95s_ms, linewidth=1)
    last.axvline(20, color="0.6", linestyle=":")
    last.set(
        title="one of three zones fails at 20 s (1,000 calls)",
        xlabel="s",
        ylabel="waiting in a turn, p95, ms",
        ylim=(0, None),
    )
    figure.tight_layout()
    figure.savefig(folder / "scale.png", dpi=80)
    pyplot.close(figure)


def _cores(axes: pyplot.Axes, plans: list[tuple[Plan, Seen]], gpu: list[tuple[Plan, Seen]]) -> None:
    calls = [plan.calls for plan, _ in plans]
    for name in STATIONS:
        axes.loglog(calls, [plan.servers[name] for plan, _ in plans], marker=".", linewidth=1, label=name)
    axes.loglog(calls, [plan.cores for plan, _ in plans], color="black", label="all")
    axes.loglog(calls, [plan.cores for plan, _ in gpu], color="black", linestyle="--", label="all, cores and GPUs")
    axes.set(title="servers of one core in the plan", xlabel="calls at a time")
    axes.legend(fontsize=7, ncols=2)


def _waits(axes: pyplot.Axes, plans: list[tuple[Plan, Seen]]) -> None:
    places = np.arange(len(plans))
    axes.bar(places - 0.2, [seen.added_ms[0] for _, seen in plans], 0.4, label="p50")
    axes.bar(places + 0.2, [seen.added_ms[1] for _, seen in plans], 0.4, label="p95")
    axes.set_xticks(places, [f"{plan.calls:,}" for plan, _ in plans])
    axes.set(title="what waiting adds before the first sound, ms", xlabel="calls at a time, each with its own plan")
    axes.legend(fontsize=8)


def _varied(axes: pyplot.Axes, varied: list[tuple[str, int, int]], plans: list[tuple[Plan, Seen]]) -> None:
    base = min(plans, key=lambda one: abs(one[0].calls - 10_000))[0].cores
    names = [name for name, _, _ in varied][::-1]
    axes.barh(names, [100 * (less / base - 1) for _, less, _ in varied[::-1]], label="-50 %")
    axes.barh(names, [100 * (more / base - 1) for _, _, more in varied[::-1]], label="+50 %")
    axes.tick_params(axis="y", labelsize=7)
    axes.set(title="cores at 10,000 calls, %, when a figure is wrong by half")
    axes.legend(fontsize=8)
