"""Trying again, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from voiceagent.kit.errors import InvalidInput, Problem, RateLimited, Unavailable
from voiceagent.kit.retry import retried


class VirtualTime:
    def __init__(self) -> None:
        self.at_s = 0.0
        self.slept: list[float] = []

    def monotonic_s(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at_s += seconds


def failing(times: int, problem: Problem) -> Callable[[], object]:
    left = [times]

    async def call() -> str:
        if left[0] > 0:
            left[0] -= 1
            raise problem
        return "done"

    return call


async def test_a_retryable_problem_is_tried_again_with_growing_delays() -> None:
    time = VirtualTime()
    result = await retried(failing(3, Unavailable("away", "away")), within_s=10, clock=time, sleep=time.sleep)
    assert result == "done"
    assert len(time.slept) == 3
    assert 0.05 <= time.slept[0] <= 0.1
    assert 0.2 <= time.slept[2] <= 0.4


async def test_the_last_problem_is_raised_when_the_time_is_over() -> None:
    time = VirtualTime()
    with pytest.raises(Unavailable):
        await retried(failing(1_000, Unavailable("away", "away")), within_s=3, clock=time, sleep=time.sleep)
    assert time.at_s <= 3


async def test_a_problem_that_cannot_get_better_is_raised_at_once() -> None:
    time = VirtualTime()
    with pytest.raises(InvalidInput):
        await retried(failing(1, InvalidInput("bad", "bad")), within_s=3, clock=time, sleep=time.sleep)
    assert time.slept == []


async def test_the_wish_of_the_other_side_is_respected() -> None:
    time = VirtualTime()
    problem = RateLimited("slow_down", "slow down", retry_after_s=2.0)
    await retried(failing(1, problem), within_s=3, clock=time, sleep=time.sleep)
    assert time.slept == [2.0]
