"""The sentences of ports/repeats.py, on the same stores as the others."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from tests.contracts.test_store import postgresql_database, store, tenant

from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.repeats import Attempt, Kept, Standing
from voiceagent.ports.store import Store

__all__ = ["postgresql_database", "store", "tenant"]  # fixtures

KEPT = Kept(201, "application/json", '{"secret":"ä"}', "0" * 64)
MINE = Standing(True)


def attempt(repeat_id: str = "r1", *, lasts: timedelta = timedelta(hours=24)) -> Attempt:
    return Attempt(repeat_id, "usr_1", new_id("try"), datetime.now(UTC) + lasts)


def soon(seconds: float = 60.0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def claimed(store: Store, tenant: str, one: Attempt, until: datetime | None = None) -> Standing:
    async with asyncio.timeout(60):
        while True:
            try:
                async with store.begin(tenant) as work:
                    return await work.access.repeats.claim(one, until=until or soon())
            except Unavailable:  # a busy machine: an organisation waits 2 s for its share of connections
                await asyncio.sleep(0.1)


async def test_of_racers_one_gets_the_key(store: Store, tenant: str) -> None:
    standings = await asyncio.gather(*(claimed(store, tenant, attempt()) for _ in range(20)))
    assert sorted(one.mine for one in standings) == [False] * 19 + [True]
    assert all(one.kept is None for one in standings)


async def test_the_answer_is_kept_for_whoever_comes_later(store: Store, tenant: str) -> None:
    first = attempt()
    assert await claimed(store, tenant, first) == MINE
    async with store.begin(tenant) as work:
        assert await work.access.repeats.keep(first, KEPT)
    assert await claimed(store, tenant, attempt()) == Standing(False, KEPT)
    async with store.begin(tenant) as work:
        await work.access.repeats.release(first)
    assert await claimed(store, tenant, attempt()) == Standing(False, KEPT)
    assert await claimed(store, f"{tenant}_other", attempt()) == MINE


async def test_an_attempt_whose_time_is_over_loses_the_key_and_can_no_longer_answer(store: Store, tenant: str) -> None:
    first, second = attempt(), attempt()
    assert await claimed(store, tenant, first, soon(-1)) == MINE
    assert await claimed(store, tenant, second) == MINE
    async with store.begin(tenant) as work:
        assert not await work.access.repeats.keep(first, KEPT)
        assert not await work.access.repeats.renew(first, until=soon())
        await work.access.repeats.release(first)
        assert await work.access.repeats.renew(second, until=soon())
        assert await work.access.repeats.keep(second, KEPT)
    assert await claimed(store, tenant, first) == Standing(False, KEPT)


async def test_a_released_key_is_free(store: Store, tenant: str) -> None:
    first = attempt()
    await claimed(store, tenant, first)
    async with store.begin(tenant) as work:
        await work.access.repeats.release(first)
        await work.access.repeats.release(first)
    assert await claimed(store, tenant, attempt()) == MINE


async def test_an_expired_key_is_forgotten(store: Store, tenant: str) -> None:
    first = attempt(lasts=timedelta(seconds=-1))
    await claimed(store, tenant, first)
    async with store.begin(tenant) as work:
        assert await work.access.repeats.keep(first, KEPT)
    assert await claimed(store, tenant, attempt()) == MINE
