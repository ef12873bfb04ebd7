"""A circuit breaker as a pure state machine: outcomes and times in, permission out. It waits for nothing and calls nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

WINDOW_S = 10.0
LEAST_FAILURES = 5
OPEN_S = 5.0
GOOD_PROBES = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """When it opens: `least_failures` that are at least `share` of the calls of the last `window_s`; after `open_s` single calls probe,
    and `good_probes` in a row that go well close it."""

    window_s: float = WINDOW_S
    least_failures: int = LEAST_FAILURES
    share: float = 0.5
    open_s: float = OPEN_S
    good_probes: int = GOOD_PROBES


TERMS = Terms()


@dataclass(frozen=True, slots=True)
class Breaker:
    """The memory of one server or model. outcomes: (time in seconds, went well) of the last `window_s`.

    open_until_s: set while open or half open.  probing: a call that tests whether it is well again is under way.
    good: probes that went well in a row.
    """

    outcomes: tuple[tuple[float, bool], ...] = ()
    open_until_s: float | None = None
    probing: bool = False
    good: int = 0


def allows(state: Breaker, now_s: float) -> bool:
    """Whether a call may go out now: closed, or half open with no probe under way."""
    return state.open_until_s is None or (now_s >= state.open_until_s and not state.probing)


def started(state: Breaker) -> Breaker:
    """A call goes out."""
    return state if state.open_until_s is None else replace(state, probing=True)


def succeeded(state: Breaker, now_s: float, terms: Terms = TERMS) -> Breaker:
    """A call brought its first result. Half open: after `good_probes` of these the breaker closes."""
    if state.open_until_s is None:
        return replace(state, outcomes=_recent(state, now_s, True, terms))
    good = state.good + 1
    return Breaker() if good >= terms.good_probes else replace(state, probing=False, good=good)


def failed(state: Breaker, now_s: float, *, pause_s: float | None = None, terms: Terms = TERMS) -> Breaker:
    """A call failed. Opens by `terms`, at once when a probe fails, and for `pause_s` when the other side itself names a pause."""
    if pause_s is not None:
        return Breaker(open_until_s=now_s + pause_s)
    if state.open_until_s is not None:
        return Breaker(open_until_s=now_s + terms.open_s)
    outcomes = _recent(state, now_s, False, terms)
    failures = sum(1 for _, well in outcomes if not well)
    if failures >= terms.least_failures and failures >= terms.share * len(outcomes):
        return Breaker(open_until_s=now_s + terms.open_s)
    return replace(state, outcomes=outcomes)


def abandoned(state: Breaker) -> Breaker:
    """A call was cancelled before it showed how it would end: it says nothing about the other side."""
    return replace(state, probing=False)


def _recent(state: Breaker, now_s: float, well: bool, terms: Terms) -> tuple[tuple[float, bool], ...]:
    kept = tuple(outcome for outcome in state.outcomes if now_s - outcome[0] <= terms.window_s)
    return (*kept[-199:], (now_s, well))
