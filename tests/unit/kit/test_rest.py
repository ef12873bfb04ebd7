"""kit.calls.rest: when a part that failed is asked again."""

from __future__ import annotations

from datetime import UTC, datetime

from voiceagent.kit.calls.rest import Rest


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        return self.now_s

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


def pause_s(rest: Rest, clock: Hands) -> int:
    """Whole seconds until it may be asked."""
    begun_s = clock.now_s
    while not rest.over:
        clock.now_s += 1
    return round(clock.now_s - begun_s)


def test_each_failure_in_a_row_rests_twice_as_long_up_to_half_a_minute() -> None:
    clock = Hands()
    rest = Rest(clock)
    assert rest.over
    pauses = []
    for _ in range(12):
        rest.failed()
        pauses.append(pause_s(rest, clock))
    assert pauses == [1, 2, 4, 8, 16, *[30] * 7]


def test_an_answer_ends_the_rest_and_what_came_before_is_forgotten() -> None:
    clock = Hands()
    rest = Rest(clock)
    for _ in range(4):
        rest.failed()
    rest.worked()
    assert rest.over
    rest.failed()
    assert pause_s(rest, clock) == 1
