"""From one call to 100,000: what breaks first at each step, and how many of everything answer it. Deterministic; needs no server.

    python bench/scale/run.py [--plots docs] [--steps 1,10,100,1000,10000,100000]

Figures come from inputs.json (bench/scale/measure.py and validate.py wrote it) and from the assumptions in capacity.World.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
sys.path.insert(0, str(ROOT))

from bench.scale import plots  # noqa: E402
from bench.scale.capacity import STATIONS, Inputs, Plan, World, changed, demand, limits, measured, plan_for  # noqa: E402
from bench.scale.simulate import Seen, met, zone_fails  # noqa: E402

STEPS = (1, 10, 100, 1_000, 10_000, 100_000)
VARIED = ("silent_vad", "silent_voice", "silent_gateway", "turn_voice", "turn_engine", "turn_gateway", "turn_stt", "turn_turns", "turn_llm", "turn_tts",
          "turn_postgresql", "turn_redis_commands", "critical_share")  # fmt: skip
_SMALLEST = Plan(1, dict.fromkeys(STATIONS, 1))


def steps(inputs: Inputs, world: World, counts: tuple[int, ...]) -> list[tuple[Plan, Seen]]:
    """Each step first meets the plan of the step before, then its own."""
    print(
        f"\n## {'With a GPU for recognition, language and speech (assumed)' if world.gpu else 'On processors alone'}\n"
    )
    print(
        "| calls | turns/s | the plan before ends at | because of | then | the plan for it (of one core each) | cells | pool | Weaviate shards |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    before, found = _SMALLEST, []
    for calls in counts:
        first, second = limits(inputs, world, before, calls)[:2]
        plan = plan_for(inputs, world, calls)
        servers = " ".join(f"{name} {count}" for name, count in plan.servers.items())
        ends = f"{first.calls:,.0f} calls" if first.used > world.utilisation else "holds"
        print(f"| {calls:,} | {calls / world.turn_every_s:,.1f} | {ends} | {first.what}: {first.answer} | {second.what} | {servers} | "
              f"{plan.cells} | {plan.pool} | {plan.vector_shards} |")  # fmt: skip
        found.append((plan, met(inputs, world, plan, calls)))
        before = plan
    print(
        "\n| calls | cores | resident | database a day | log of changes | Redis commands/s | network | first sound p50 / p95 | of it waiting "
        "p50 / p95 | longest wait p95 at |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for plan, seen in found:
        need = demand(inputs, world, plan.calls)
        worst = max(seen.waits, key=lambda name: seen.waits[name])
        print(f"| {plan.calls:,} | {need.all_cores:,.1f} used, {plan.cores:,} there | {sum(need.bytes_resident.values()) / 2**30:,.2f} GiB | "
              f"{need.database_bytes_per_day / 2**30:,.2f} GiB | {need.wal_bytes_per_s / 1e6:,.2f} MB/s | {need.redis_commands_per_s:,.0f} | "
              f"{need.bits_per_s / 1e9:,.3f} Gbit/s | {seen.heard_ms[0]:,.0f} / {seen.heard_ms[1]:,.0f} ms | {seen.added_ms[0]:,.0f} / "
              f"{seen.added_ms[1]:,.0f} ms | {worst} {seen.waits[worst]:,.0f} ms at {seen.used[worst]:.0%} |")  # fmt: skip
    return found


def sensitivity(inputs: Inputs, world: World, calls: int) -> list[tuple[str, int, int]]:
    """Cores of the plan with each input halved and half as much again."""
    base = plan_for(inputs, world, calls)
    changes = [
        (
            name,
            plan_for(changed(inputs, name, 0.5), world, calls).cores,
            plan_for(changed(inputs, name, 1.5), world, calls).cores,
        )
        for name in VARIED
    ]
    assumed = [
        field.name for field in fields(World) if field.name in ("turn_every_s", "requests_per_call_s", "utilisation")
    ]
    for name in assumed:
        both = [replace(world, **{name: getattr(world, name) * factor}) for factor in (0.5, 1.5)]
        changes.append((name, *(plan_for(inputs, one, calls).cores for one in both)))  # type: ignore[arg-type]
    changes.sort(key=lambda one: -abs(one[2] - one[1]))
    print(
        f"\n## Half and one and a half of each figure, at {calls:,} calls ({base.cores:,} cores)\n\n| figure | -50 % | +50 % |\n|---|---|---|"
    )
    for name, less, more in changes:
        print(f"| {name} | {less / base.cores - 1:+.1%} | {more / base.cores - 1:+.1%} |")
    print("\nWhat waiting adds to a turn (p95) when the plan stays and the figure is half as large again:\n")
    small = plan_for(inputs, world, 100)
    for name in ("turn_llm", "turn_stt", "turn_turns", "silent_vad"):
        few, many = (
            met(changed(inputs, name, 1.5), world, small, 100),
            met(changed(inputs, name, 1.5), world, base, calls),
        )
        print(f"- {name}: {few.added_ms[1]:,.0f} ms at 100 calls, {many.added_ms[1]:,.0f} ms at {calls:,}")
    return changes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", default=",".join(map(str, STEPS)))
    parser.add_argument("--plots", type=Path, help="Folder for the pictures.")
    chosen = parser.parse_args()
    counts, inputs, world = tuple(map(int, chosen.steps.split(","))), measured(), World()
    found = steps(inputs, world, counts)
    with_gpu = steps(inputs, replace(world, gpu=True), counts)
    at = min(10_000, counts[-1])
    varied = sensitivity(inputs, world, at)
    print(
        "\n## One of three zones fails\n\n| calls | waiting in a turn, p95, before | worst after | within 100 ms of before after |\n|---|---|---|---|"
    )
    failures = {calls: zone_fails(inputs, world, plan_for(inputs, world, calls), calls) for calls in (100, 1_000, at)}
    for calls, failure in failures.items():
        print(f"| {calls:,} | {failure.before_ms:.0f} ms | {failure.worst_ms:,.0f} ms | {failure.back_s:.0f} s |")
    if chosen.plots:
        plots.drawn(chosen.plots, found, with_gpu, varied, failures[1_000])


if __name__ == "__main__":
    main()
