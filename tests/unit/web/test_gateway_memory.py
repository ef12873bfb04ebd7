"""What the gateway remembers of the store: young answers only, one question at a time, nothing old after a change."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from voiceagent.gateway.identity.remembered import FRESH_S, REMEMBERED_S, Remembered
from voiceagent.kit.errors import Unavailable


class HandClock:
    """A clock that stands until it is moved."""

    at_s = 0.0

    def monotonic_s(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime.now(UTC)


class Source:
    """Answers with a growing number once its gate is open."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing = False

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.failing:
            raise Unavailable("store_unavailable", "gone")
        return number


async def test_a_crowd_asks_once() -> None:
    known, source = Remembered[int](HandClock()), Source()
    assert await asyncio.gather(*(known.get("k", source) for _ in range(50))) == [1] * 50
    assert await known.get("other", source) == 2


async def test_an_ageing_answer_is_used_while_a_new_one_comes_and_an_old_one_never() -> None:
    clock, source = HandClock(), Source()
    known = Remembered[int](clock)
    assert await known.get("k", source) == 1
    clock.at_s = FRESH_S
    assert await known.get("k", source) == 1
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await known.get("k", source) == 2
    source.failing = True
    clock.at_s += REMEMBERED_S
    with pytest.raises(Unavailable):
        await known.get("k", source)


async def test_an_answer_under_way_during_a_change_is_not_kept() -> None:
    known, source = Remembered[int](HandClock()), Source()
    source.gate.clear()
    before = asyncio.create_task(known.get("k", source))
    await asyncio.sleep(0)
    known.clear()
    after = asyncio.create_task(known.get("k", source))
    await asyncio.sleep(0)
    source.gate.set()
    assert (await before, await after) == (1, 2)
    assert await known.get("k", source) == 2


async def test_a_caller_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    known, source = Remembered[int](HandClock()), Source()
    source.gate.clear()
    first, second = asyncio.create_task(known.get("k", source)), asyncio.create_task(known.get("k", source))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await second == 1
