"""Queues: known formulas for c servers, and a discrete-event simulation of turns that visit stations one after the other."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def erlang_c(servers: int, load: float) -> float:
    """Probability that an arrival waits in M/M/c. load: offered, in servers; 1.0 when it cannot be served."""
    if load >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait_s(servers: int, arrivals_per_s: float, service_s: float) -> float:
    """Mean wait before service in M/M/c; infinite when it cannot be served."""
    load = arrivals_per_s * service_s
    return math.inf if load >= servers else erlang_c(servers, load) * service_s / (servers - load)


def wait_quantile_s(servers: int, arrivals_per_s: float, service_s: float, share: float = 0.95) -> float:
    """The wait that `share` of arrivals do not exceed in M/M/c."""
    load = arrivals_per_s * service_s
    if load >= servers:
        return math.inf
    waits = erlang_c(servers, load)
    return 0.0 if waits <= 1 - share else math.log(waits / (1 - share)) * service_s / (servers - load)


@dataclass(frozen=True, slots=True)
class Station:
    """Like servers with one queue, first come first served. service_s: mean of a visit of share 1.  spread: standard deviation over mean.

    after_s, left: from that moment on only `left` servers work; who is being served then is served to the end.
    """

    name: str
    servers: int
    service_s: float
    spread: float = 1.0
    after_s: float = math.inf
    left: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    """Arrivals of one kind and the stations they visit in order.

    shares: what part of the station's service each visit takes; () for all of it.  heard_after: after so many visits the caller hears the
    answer; -1 for all.  rounds: each goes the path so many times, after `hold_s`
    and a pause of `pause_s` in the mean.
    """

    arrivals_s: Numbers
    path: tuple[str, ...]
    shares: tuple[float, ...] = ()
    heard_after: int = -1
    rounds: int = 1
    hold_s: float = 0.0
    pause_s: float = 0.0

    @property
    def count(self) -> int:
        return len(self.arrivals_s) * self.rounds


@dataclass
class Outcome:
    """Of one flow, by arrival: when it began, was heard and ended. waits_s: before each visit [arrival, visit]."""

    began_s: Numbers
    heard_s: Numbers
    ended_s: Numbers
    waits_s: Numbers


@dataclass
class Run:
    """outcomes: by flow.  busy_s: server seconds by station.  waiting_s: the area under the length of each queue."""

    outcomes: list[Outcome]
    busy_s: dict[str, float]
    waiting_s: dict[str, float]
    served: dict[str, int]
    ended_s: float


@dataclass
class _Queue:
    station: Station
    services_s: Numbers
    free: int
    line: deque[tuple[float, int, int, int]] = field(default_factory=deque)
    served: int = 0
    busy: int = 0
    busy_s: float = 0.0
    waiting_s: float = 0.0

    def allowed(self, at_s: float) -> int:
        return self.station.left if at_s >= self.station.after_s else self.station.servers


def simulated(stations: tuple[Station, ...], flows: tuple[Flow, ...], draws: np.random.Generator) -> Run:
    """Every arrival goes its path to the end."""
    visits = {station.name: sum(flow.path.count(station.name) * flow.count for flow in flows) for station in stations}
    queues = {
        station.name: _Queue(station, _drawn(station, visits[station.name], draws), station.servers)
        for station in stations
    }
    outcomes = [
        Outcome(*(np.full(flow.count, np.nan) for _ in range(3)), np.zeros((flow.count, len(flow.path))))
        for flow in flows
    ]
    events: list[tuple[float, int, int, int, int]] = []
    """(when, order, flow, which, visits done); a visit that ends has the negative of those done."""
    order = 0
    for number, flow in enumerate(flows):
        for which, at_s in enumerate(flow.arrivals_s):
            events.append((float(at_s), order, number, which * flow.rounds, 0))
            order += 1
    heapq.heapify(events)
    at_s = 0.0

    def begin(queue: _Queue, now_s: float) -> None:
        nonlocal order
        while queue.line and queue.busy < queue.allowed(now_s):
            since_s, number, which, step = queue.line.popleft()
            wait_s = now_s - since_s
            outcomes[number].waits_s[which, step] = wait_s
            queue.waiting_s += wait_s
            shares = flows[number].shares
            service_s = float(queue.services_s[queue.served]) * (shares[step] if shares else 1.0)
            queue.served += 1
            queue.busy += 1
            queue.busy_s += service_s
            heapq.heappush(events, (now_s + service_s, order, number, which, -(step + 1)))
            order += 1

    while events:
        at_s, _, number, which, step = heapq.heappop(events)
        path = flows[number].path
        if step < 0:
            step = -step
            queue = queues[path[step - 1]]
            queue.busy -= 1
            if step == (flows[number].heard_after if flows[number].heard_after > 0 else len(path)):
                outcomes[number].heard_s[which] = at_s
            if step == len(path):
                outcomes[number].ended_s[which] = at_s
            begin(queue, at_s)
            if step == len(path):
                flow = flows[number]
                if (which + 1) % flow.rounds:
                    again_s = at_s + flow.hold_s + float(draws.exponential(flow.pause_s))
                    heapq.heappush(events, (again_s, order, number, which + 1, 0))
                    order += 1
                continue
        elif step == 0:
            outcomes[number].began_s[which] = at_s
        queue = queues[path[step]]
        queue.line.append((at_s, number, which, step))
        begin(queue, at_s)
    return Run(
        outcomes,
        {name: queue.busy_s for name, queue in queues.items()},
        {name: queue.waiting_s for name, queue in queues.items()},
        {name: queue.served for name, queue in queues.items()},
        at_s,
    )


def poisson(rate_per_s: float, seconds: float, draws: np.random.Generator) -> Numbers:
    """Moments of independent arrivals."""
    count = draws.poisson(rate_per_s * seconds)
    return np.sort(draws.uniform(0.0, seconds, count))


def _drawn(station: Station, count: int, draws: np.random.Generator) -> Numbers:
    """Service times: gamma, which is exponential at a spread of 1 and constant at 0."""
    if station.spread <= 0 or station.service_s <= 0:
        return np.full(count, station.service_s)
    shape = 1 / station.spread**2
    return draws.gamma(shape, station.service_s / shape, count)
