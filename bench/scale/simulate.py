"""A plan under calls: turns that queue at its stations, a zone that fails, and one process with real calls beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.scale.capacity import STATIONS, Inputs, Plan, World, demand
from bench.scale.queues import Flow, Outcome, Run, Station, poisson, simulated

TURNS = 8_000
MOST_S = 600.0
SEED = 20_261
RECONNECT_S = 10.0
"""Within so long all callers of a failed zone call again."""
_FIRST = 0.15
"""Of a language model's work on an answer, what comes before its first clause: the prompt was read ahead while the caller spoke."""
_CLAUSE = 0.3
"""The same of a synthesiser: the first of about three clauses."""
_LOOK = 0.2
"""Recogniser and judge of turns look about five times while a caller speaks; the last look alone is waited for."""
_SPREAD = 0.5
_PATH = (
    ("gateway", 0.5), ("voice", 0.4), ("stt", _LOOK), ("turns", _LOOK), ("voice", 0.3), ("engine", 0.5), ("redis", 0.5), ("postgresql", 0.3),
    ("llm", _FIRST), ("engine", 0.3), ("tts", _CLAUSE), ("voice", 0.3), ("gateway", 0.5),
    ("llm", 1 - _FIRST), ("tts", 1 - _CLAUSE), ("engine", 0.2), ("postgresql", 0.7), ("redis", 0.5),
    *((name, _LOOK) for name in ("stt", "turns") * 4),
)  # fmt: skip
_HEARD_AFTER = 13
_PIECES = 8
"""A turn's work before its first sound comes in so many pieces; other callers' pieces come between."""
_OPENING = ("gateway", "redis", "postgresql", "voice", "engine")


@dataclass(frozen=True, slots=True)
class Seen:
    """What callers of a plan met. waits: p95 of the wait before a visit, by station, ms.  added_ms: p50 and p95 of all waits of a turn before
    its answer is heard.  heard_ms: with the work itself.  used: utilisation by station."""

    waits: dict[str, float]
    added_ms: tuple[float, float]
    heard_ms: tuple[float, float]
    used: dict[str, float]
    turns: int


def stations(inputs: Inputs, world: World, plan: Plan, calls: int, *, fails_s: float = math.inf) -> tuple[Station, ...]:
    """Those of one cell. A server that frames of sound keep busy works the slower for turns. fails_s: when one zone of several ends."""
    need = demand(inputs, world, calls)
    critical = inputs["critical_share"]
    found = []
    for name in STATIONS:
        servers = max(1, round(plan.servers[name] / plan.cells))
        service_s = need.cores[name] / need.turns_per_s
        behind = 0.0
        if name in need.background:
            turn_s = inputs[f"turn_{name}"]
            service_s, behind = turn_s * critical, need.background[name] + need.turns_per_s * turn_s * (1 - critical)
        speed = max(0.02, 1 - behind / plan.servers[name])
        lost = 0 if name in ("redis", "postgresql") else servers // plan.zones
        found.append(Station(name, servers, service_s / speed, _SPREAD, after_s=fails_s, left=max(1, servers - lost)))
    return tuple(found)


def met(inputs: Inputs, world: World, plan: Plan, calls: int, *, turns: int = TURNS) -> Seen:
    """Calls on a plan, for about `turns` turns of one cell; the first tenth is left out."""
    rate = calls / world.turn_every_s / plan.cells
    seconds = min(max(turns / rate, 10.0), max(MOST_S, 200 / rate))
    draws = np.random.default_rng(SEED)
    flow = Flow(poisson(rate, seconds, draws), *_path())
    made = stations(inputs, world, plan, calls)
    run = simulated(made, (flow,), draws)
    return seen(run, made)


def seen(run: Run, made: tuple[Station, ...]) -> Seen:
    """What the first flow of a run met."""
    outcome = run.outcomes[0]
    skip = len(outcome.began_s) // 10
    waits = outcome.waits_s[skip:]
    path = [name for name, _ in _PATH]
    by_station = {
        name: _p(np.concatenate([waits[:, at] for at, visited in enumerate(path) if visited == name]), 95) * 1000
        for name in STATIONS
    }
    added = waits[:, :_HEARD_AFTER].sum(axis=1)
    heard = (outcome.heard_s - outcome.began_s)[skip:]
    used = {station.name: run.busy_s[station.name] / run.ended_s / station.servers for station in made}
    return Seen(
        by_station,
        (_p(added, 50) * 1000, _p(added, 95) * 1000),
        (_p(heard, 50) * 1000, _p(heard, 95) * 1000),
        used,
        len(waits),
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """A zone's end. before, worst: p95 of what waiting adds to a turn, ms, before and in the worst second (5 s when few) after.  back_s: until it is within
    100 ms of before for good.  seconds, p95s_ms: the course of it."""

    before_ms: float
    worst_ms: float
    back_s: float
    seconds: tuple[float, ...]
    p95s_ms: tuple[float, ...]


def zone_fails(
    inputs: Inputs, world: World, plan: Plan, calls: int, *, at_s: float = 20.0, for_s: float = 60.0
) -> Failure:
    """One of the zones ends; its callers call again within RECONNECT_S, and go on asking."""
    rate = calls / world.turn_every_s / plan.cells
    draws = np.random.default_rng(SEED)
    made = stations(inputs, world, plan, calls, fails_s=at_s)
    again = np.sort(at_s + draws.uniform(0, RECONNECT_S, round(calls / plan.cells / plan.zones)))
    shares = tuple(
        _opening_share(inputs, name, station) for name in _OPENING for station in made if station.name == name
    )
    flows = (Flow(poisson(rate, at_s + for_s, draws), *_path()), Flow(again, _OPENING, shares))
    outcome = simulated(made, flows, draws).outcomes[0]
    added_ms = outcome.waits_s[:, :_HEARD_AFTER].sum(axis=1) * 1000
    step_s = 1.0 if rate > 50 else 5.0
    seconds = np.arange(0.0, at_s + for_s, step_s)
    p95s = [_p(added_ms[(outcome.began_s >= second) & (outcome.began_s < second + step_s)], 95) for second in seconds]
    before = float(np.median(p95s[1 : int(at_s / step_s)]))
    late = [second for second, value in zip(seconds, p95s, strict=True) if second >= at_s and value > before + 100]
    worst = max(p95s[int(at_s / step_s) :])
    return Failure(before, worst, late[-1] + step_s - at_s if late else 0.0, tuple(seconds), tuple(p95s))


def _opening_share(inputs: Inputs, name: str, station: Station) -> float:
    """Of a station's service, what opening a call takes there."""
    return inputs.get(f"open_{name}", 0.0) / station.service_s if station.service_s else 0.0


@dataclass(frozen=True, slots=True)
class Alone:
    """Callers of one process. rate: turns a second.  first_ms: p50 and p95 until the first sound.  used: of one core."""

    callers: int
    rate: float
    first_ms: tuple[float, float]
    used: float


@dataclass(frozen=True, slots=True)
class Process:
    """One event loop. first_s: core seconds until an answer's first sound.  turn_s: of the whole turn.  idle: of a core, with no calls.
    waits_s: until the first sound without holding the core (disk, timers)."""

    first_s: float
    turn_s: float
    idle: float
    waits_s: float


def alone(process: Process, callers: int, *, hold_s: float, pause_s: float) -> Alone:
    """`callers` at one process. hold_s: how long an answer sounds.  pause_s: mean pause before the next question."""
    rate, run = 0.0, None
    for _ in range(8):  # what comes after the first sound slows the next turns down, and they it
        draws = np.random.default_rng(SEED)
        behind = min(0.98, process.idle + rate * (process.turn_s - process.first_s))
        served = Station("process", 1, process.first_s / _PIECES / (1 - behind), spread=0.5)
        flow = Flow(np.sort(draws.uniform(0, 2 * pause_s, callers)), ("process",) * _PIECES, rounds=max(20, 600 // callers),
                    hold_s=hold_s + process.waits_s, pause_s=pause_s)  # fmt: skip
        run = simulated((served,), (flow,), draws)
        rate = (rate + flow.count / run.ended_s) / 2 if rate else flow.count / run.ended_s
    assert run is not None
    first = _firsts(run.outcomes[0]) + process.waits_s
    return Alone(
        callers, rate, (_p(first, 50) * 1000, _p(first, 95) * 1000), min(1.0, process.idle + rate * process.turn_s)
    )


def _firsts(outcome: Outcome) -> np.ndarray:
    taken = outcome.ended_s - outcome.began_s
    return taken[len(taken) // 10 :]


def _path() -> tuple[tuple[str, ...], tuple[float, ...], int]:
    return tuple(name for name, _ in _PATH), tuple(share for _, share in _PATH), _HEARD_AFTER


def _p(values: np.ndarray, percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) else 0.0
