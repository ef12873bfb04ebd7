"""The sentences of ports/work.py on claims that end through no fault of the job, and of ports/leases.py, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.test_store import postgresql_database, tenant

from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.job import Job
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Conflict
from voiceagent.kit.ids import new_id
from voiceagent.ports.leases import leased
from voiceagent.ports.store import Store
from voiceagent.ports.work import MOST_LOSSES, SUSPECT_LOSSES

__all__ = ["postgresql_database", "tenant"]  # fixtures

LONG_S = 90.0


class HandClock(SystemClock):
    """Dates go on when told to."""

    def __init__(self) -> None:
        self._now = super().now()

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> AsyncIterator[Store]:
    url = f"sqlite:///{tmp_path}/voiceagent.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_database")
    opened: Store = open_store(url, clock=clock)
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture
async def job(store: Store, tenant: str, clock: HandClock) -> Job:
    async with store.begin(tenant) as unit:
        return await unit.jobs.enqueue(Job(new_id("job"), tenant, new_id("kind"), "doc_1", clock.now(), max_attempts=2))


async def claimed(store: Store, job: Job, *, suspects: bool = True) -> Job | None:
    return await store.queue.claim((job.kind,), worker="w", lease_s=30, suspects=suspects)


async def stored(store: Store, job: Job) -> Job:
    async with store.begin(job.tenant_id) as unit:
        return await unit.jobs.get(job.job_id)


async def test_a_job_given_back_is_claimed_at_once_and_has_all_its_attempts(store: Store, job: Job) -> None:
    for number in range(1, 9):
        mine = await claimed(store, job)
        assert mine is not None and (mine.attempt, mine.tries) == (number, 1)
        async with store.begin(job.tenant_id) as unit:
            await unit.jobs.give_back(mine)
            with pytest.raises(Conflict) as caught:
                await unit.jobs.give_back(mine)
        assert caught.value.code == "lease_lost"
    for tries in (1, 2):
        mine = await claimed(store, job)
        assert mine is not None and mine.tries == tries
        async with store.begin(job.tenant_id) as unit:
            await unit.jobs.fail(mine, error_code="parse_failed", retry_at=job.created_at)
    assert (await stored(store, job)).state == "failed"


async def test_workers_that_are_not_heard_of_again_cost_no_attempt(store: Store, job: Job, clock: HandClock) -> None:
    for number in range(1, MOST_LOSSES):
        mine = await claimed(store, job)
        assert mine is not None and (mine.attempt, mine.tries, mine.lost) == (number, 1, number - 1)
        clock.advance(LONG_S)
        if number >= SUSPECT_LOSSES:  # the first to look finds it lost, and lets it wait
            assert await claimed(store, job) is None
            clock.advance(LONG_S)
    mine = await claimed(store, job)
    assert mine is not None and mine.tries == 1
    async with store.begin(job.tenant_id) as unit:
        await unit.jobs.complete(mine)
    assert (await stored(store, job)).state == "done"


async def test_a_job_that_kills_every_worker_is_given_up(store: Store, job: Job, clock: HandClock) -> None:
    claims = 0
    while claims <= MOST_LOSSES and (await stored(store, job)).state != "failed":
        claims += await claimed(store, job) is not None
        clock.advance(LONG_S)
    ended = await stored(store, job)
    assert (claims, ended.lost, ended.error_code) == (MOST_LOSSES, MOST_LOSSES, "lease_expired")
    assert await claimed(store, job) is None


async def test_suspects_are_left_for_later_when_asked(store: Store, job: Job, clock: HandClock) -> None:
    for _ in range(SUSPECT_LOSSES):
        assert await claimed(store, job, suspects=False) is not None
        clock.advance(LONG_S)
    assert await claimed(store, job) is None
    clock.advance(LONG_S)
    assert await claimed(store, job, suspects=False) is None
    assert await claimed(store, job) is not None


async def test_work_that_is_stopped_gives_its_job_back(store: Store, job: Job) -> None:
    begun = asyncio.Event()

    async def work(mine: Job) -> None:
        async with leased(store, mine, 30):
            begun.set()
            await asyncio.sleep(3600)

    mine = await claimed(store, job)
    assert mine is not None
    task = asyncio.create_task(work(mine))
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    again = await claimed(store, job)
    assert again is not None and (again.given_back, again.tries) == (1, 1)


async def test_work_that_another_has_taken_over_is_stopped_and_gives_nothing_back(
    store: Store, job: Job, clock: HandClock
) -> None:
    mine = await claimed(store, job)
    clock.advance(LONG_S)
    other = await claimed(store, job)
    assert mine is not None and other is not None
    with pytest.raises(Conflict) as caught:
        async with leased(store, mine, 0.05):
            await asyncio.sleep(3600)
    assert caught.value.code == "lease_lost"
    assert (await stored(store, job)).given_back == 0


async def test_what_the_body_does_after_it_has_completed_the_job_is_not_cut_off(store: Store, job: Job) -> None:
    mine = await claimed(store, job)
    assert mine is not None
    beats, heartbeat = asyncio.Event(), store.queue.heartbeat

    async def noted(*arguments: Any, **options: Any) -> bool:
        held = await heartbeat(*arguments, **options)
        if not held:
            beats.set()
        return held

    store.queue.heartbeat = noted  # type: ignore[method-assign]
    async with leased(store, mine, 0.05):
        async with store.begin(job.tenant_id) as unit:
            await unit.jobs.complete(mine)
        async with asyncio.timeout(60):
            await beats.wait()
        for _ in range(3):
            await stored(store, job)
    assert (await stored(store, job)).state == "done"
