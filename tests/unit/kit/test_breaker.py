"""The breaker against a plain reference automaton over long random runs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from voiceagent.kit.calls import breaker
from voiceagent.kit.calls.breaker import Breaker


def after_failures(number: int, at_s: float = 0.0) -> Breaker:
    state = Breaker()
    for _ in range(number):
        state = breaker.failed(breaker.started(state), at_s)
    return state


def test_it_opens_after_five_failures_and_lets_one_probe_through_later() -> None:
    assert breaker.allows(after_failures(4), 0.0)
    opened = after_failures(5)
    assert not breaker.allows(opened, breaker.OPEN_S - 0.01)
    assert breaker.allows(opened, breaker.OPEN_S)
    assert not breaker.allows(breaker.started(opened), breaker.OPEN_S)
    assert breaker.allows(breaker.abandoned(breaker.started(opened)), breaker.OPEN_S)


def test_three_good_probes_close_it_and_a_bad_one_opens_it_again() -> None:
    state = after_failures(5)
    for _ in range(2):
        state = breaker.succeeded(breaker.started(state), 6.0)
    assert state.open_until_s is not None
    assert not breaker.allows(breaker.failed(breaker.started(state), 6.0), 6.1)
    assert breaker.succeeded(breaker.started(state), 6.0) == Breaker()


def test_failures_that_are_less_than_half_of_the_calls_do_not_open_it() -> None:
    state = Breaker()
    for _ in range(8):
        state = breaker.succeeded(state, 0.0)
    for _ in range(6):
        state = breaker.failed(state, 0.0)
    assert breaker.allows(state, 0.0)


def test_old_failures_are_forgotten() -> None:
    state = breaker.failed(after_failures(4), breaker.WINDOW_S + 1)
    assert breaker.allows(state, breaker.WINDOW_S + 1)


def test_a_pause_that_the_provider_names_is_kept() -> None:
    state = breaker.failed(Breaker(), 0.0, pause_s=3.0)
    assert not breaker.allows(state, 2.9)
    assert breaker.allows(state, 3.0)


class Reference:
    """The same rules, written as one would say them."""

    def __init__(self) -> None:
        self.mode, self.until, self.good, self.probe = "closed", 0.0, 0, False
        self.calls: list[tuple[float, bool]] = []

    def may(self, now: float) -> bool:
        if self.mode == "open" and now >= self.until:
            self.mode, self.good, self.probe = "half", self.good, False
        return self.mode == "closed" or (self.mode == "half" and not self.probe)

    def ended(self, now: float, well: bool) -> None:
        if self.mode == "half":
            self.probe = False
            self.good = self.good + 1 if well else 0
            if not well:
                self.mode, self.until = "open", now + breaker.OPEN_S
            elif self.good == breaker.GOOD_PROBES:
                self.__init__()  # type: ignore[misc]
            return
        self.calls = [c for c in self.calls if now - c[0] <= breaker.WINDOW_S] + [(now, well)]
        bad = sum(not ok for _, ok in self.calls)
        if not well and bad >= breaker.LEAST_FAILURES and 2 * bad >= len(self.calls):
            self.mode, self.until, self.good = "open", now + breaker.OPEN_S, 0


@settings(max_examples=200)
@given(st.lists(st.tuples(st.floats(0, 4), st.booleans()), max_size=120))
def test_it_agrees_with_the_reference_on_every_run(run: list[tuple[float, bool]]) -> None:
    state, reference, now = Breaker(), Reference(), 0.0
    for pause, well in run:
        now += pause
        assert breaker.allows(state, now) == reference.may(now)
        if breaker.allows(state, now):
            state = breaker.started(state)
            state = breaker.succeeded(state, now) if well else breaker.failed(state, now)
            reference.ended(now, well)


@settings(max_examples=200)
@given(st.floats(5, 25), st.floats(0.05, 0.5), st.floats(0.05, 1.0))
def test_calls_go_out_again_within_ten_seconds_of_the_end_of_a_fault(
    ends_s: float, every_s: float, takes_s: float
) -> None:
    """A server that swallows every call until `ends_s`; who calls gives up after the deadline of a first token. Time in steps of 10 ms."""
    deadline_s, state, calls, next_s = 1.5, Breaker(), list[tuple[float, bool]](), 0.0
    for step in range(4_000):
        now = step / 100
        for at_s, well in [call for call in calls if call[0] <= now]:
            calls.remove((at_s, well))
            state = breaker.succeeded(state, now) if well else breaker.failed(state, now)
        if now >= next_s:
            next_s += every_s
            if breaker.allows(state, now):
                state = breaker.started(state)
                calls.append((now + takes_s, True) if now >= ends_s else (now + deadline_s, False))
        if now >= ends_s + 10.0:
            assert state.open_until_s is None, "still open"
            return
