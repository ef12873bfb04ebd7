"""The capacity model and the simulation: known values of queueing theory, conservation, monotony, and the plans that follow."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from bench.scale.capacity import STATIONS, Plan, World, changed, demand, limits, measured, plan_for
from bench.scale.queues import Flow, Station, erlang_c, mean_wait_s, poisson, simulated, wait_quantile_s
from bench.scale.simulate import Process, alone, met, zone_fails

WORLD = World()
INPUTS = measured()


def one_station(
    servers: int, rate: float, spread: float = 1.0, seconds: float = 20_000.0
) -> tuple[float, float, float, float]:
    """Mean wait, its 95th percentile, utilisation, and the time-average of how many are there, seen at moments drawn at random."""
    draws = np.random.default_rng(5)
    run = simulated((Station("one", servers, 1.0, spread),), (Flow(poisson(rate, seconds, draws), ("one",)),), draws)
    outcome = run.outcomes[0]
    looks = draws.uniform(seconds * 0.1, seconds * 0.9, 4_000)
    there = [int(((outcome.began_s <= look) & (outcome.ended_s > look)).sum()) for look in looks]
    waits = outcome.waits_s[:, 0]
    return (
        float(waits.mean()),
        float(np.percentile(waits, 95)),
        run.busy_s["one"] / run.ended_s / servers,
        float(np.mean(there)),
    )


@pytest.mark.parametrize(
    ("servers", "load", "expected"), [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (5, 4.0, 0.5541), (2, 2.0, 1.0)]
)
def test_erlangs_formula_gives_the_values_of_the_tables(servers: int, load: float, expected: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(expected, abs=1e-4)


def test_waits_of_one_server_are_those_of_theory() -> None:
    assert mean_wait_s(1, 0.8, 1.0) == pytest.approx(4.0)
    assert wait_quantile_s(1, 0.8, 1.0) == pytest.approx(math.log(0.8 / 0.05) / 0.2)
    assert wait_quantile_s(10, 1.0, 1.0) == 0.0
    assert math.isinf(mean_wait_s(4, 4.0, 1.0))


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.5), (1, 0.8), (4, 3.0), (16, 12.0)])
def test_the_simulation_agrees_with_theory_and_with_littles_law(servers: int, rate: float) -> None:
    mean_s, p95_s, used, there = one_station(servers, rate)
    assert mean_s == pytest.approx(mean_wait_s(servers, rate, 1.0), rel=0.15, abs=0.02)
    assert p95_s == pytest.approx(wait_quantile_s(servers, rate, 1.0), rel=0.15, abs=0.1)
    assert used == pytest.approx(rate / servers, rel=0.03)
    assert there == pytest.approx(rate * (mean_s + 1.0), rel=0.05)


def test_constant_service_waits_half_as_long_as_exponential_service() -> None:
    assert one_station(1, 0.8, spread=0.0)[0] == pytest.approx(2.0, rel=0.1)


def test_nobody_is_lost_and_nobody_is_served_twice() -> None:
    draws = np.random.default_rng(1)
    stations = (Station("a", 2, 0.5), Station("b", 3, 0.2, after_s=50.0, left=1))
    flows = (
        Flow(poisson(2.0, 100.0, draws), ("a", "b", "a"), (0.3, 1.0, 0.2), heard_after=2),
        Flow(poisson(0.5, 100.0, draws), ("b",), rounds=3, hold_s=1.0, pause_s=2.0),
    )
    run = simulated(stations, flows, draws)
    assert run.served == {"a": 2 * flows[0].count, "b": flows[0].count + flows[1].count}
    for outcome in run.outcomes:
        assert np.isfinite(outcome.ended_s).all()
        assert (outcome.waits_s >= 0).all()
        assert (outcome.began_s < outcome.heard_s).all()
        assert (outcome.heard_s <= outcome.ended_s).all()
    assert all(run.busy_s[one.name] <= one.servers * run.ended_s for one in stations)


def test_the_same_seed_gives_the_same_run() -> None:
    plan = plan_for(INPUTS, WORLD, 100)
    assert met(INPUTS, WORLD, plan, 100, turns=500) == met(INPUTS, WORLD, plan, 100, turns=500)


def test_more_calls_need_no_fewer_servers_and_costlier_turns_none_either() -> None:
    plans = [plan_for(INPUTS, WORLD, calls) for calls in (1, 10, 100, 1_000, 10_000, 100_000)]
    for less, more in itertools.pairwise(plans):
        assert all(less.servers[name] <= more.servers[name] for name in STATIONS)
        assert less.cells <= more.cells
    for name in ("turn_stt", "turn_voice", "silent_vad", "turn_postgresql"):
        assert plan_for(changed(INPUTS, name, 1.5), WORLD, 1_000).cores >= plan_for(INPUTS, WORLD, 1_000).cores


@pytest.mark.parametrize("calls", [1, 10, 100, 1_000, 10_000, 100_000])
def test_a_plan_holds_the_calls_that_it_is_for(calls: int) -> None:
    plan = plan_for(INPUTS, WORLD, calls)
    fullest = limits(INPUTS, WORLD, plan, calls)[0]
    assert fullest.used <= 1.0, fullest
    servers = [
        one for one in limits(INPUTS, WORLD, plan, calls) if one.what.endswith(" cores") and "one" not in one.what
    ]
    assert max(one.used for one in servers) <= WORLD.utilisation + 1e-9


def test_without_one_zone_every_station_still_carries_the_load() -> None:
    plan, need = plan_for(INPUTS, WORLD, 10_000), demand(INPUTS, WORLD, 10_000)
    for name in STATIONS:
        if name not in ("redis", "postgresql"):
            assert need.cores[name] <= plan.servers[name] * (plan.zones - 1) / plan.zones * WORLD.after_failure + 1e-9


def test_what_ends_first_is_what_has_least_left() -> None:
    plan = Plan(1, dict.fromkeys(STATIONS, 1) | {"gateway": 1_000})
    found = limits(INPUTS, WORLD, plan, 10)
    assert [one.used for one in found] == sorted((one.used for one in found), reverse=True)
    at = found[0].calls
    assert limits(INPUTS, WORLD, plan, round(at * 10))[0].used == pytest.approx(10.0, rel=0.2)


def test_a_gpu_takes_models_off_the_cores_and_nothing_else() -> None:
    on_cores, with_gpu = (demand(INPUTS, World(gpu=gpu), 1_000).cores for gpu in (False, True))
    assert {name for name in STATIONS if on_cores[name] != with_gpu[name]} == {"stt", "llm", "tts"}


def test_waiting_grows_with_callers_of_one_process_and_is_none_for_one() -> None:
    process = Process(first_s=0.02, turn_s=0.04, idle=0.02, waits_s=0.05)
    runs = [alone(process, callers, hold_s=2.0, pause_s=1.0) for callers in (1, 30, 60)]
    assert runs[0].first_ms[0] == pytest.approx(70, rel=0.15)
    assert runs[0].first_ms[1] < runs[1].first_ms[1] < runs[2].first_ms[1]
    assert runs[0].rate < runs[1].rate < runs[2].rate <= 1 / 0.04


def test_a_zone_that_fails_is_felt_and_got_over() -> None:
    plan = plan_for(INPUTS, WORLD, 1_000)
    failure = zone_fails(INPUTS, WORLD, plan, 1_000, at_s=10.0, for_s=30.0)
    assert failure.worst_ms >= failure.before_ms
    assert failure.back_s < 30.0
