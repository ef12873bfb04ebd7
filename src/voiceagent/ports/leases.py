"""Holding a claimed job: its lease is prolonged while the work goes on, and given back when the worker stops. Does none of the work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from voiceagent.domain.job import Job
from voiceagent.kit.errors import Conflict, Problem
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.store import Store

_log = structlog.get_logger(__name__)

BEATS = 4
"""Prolongations a lease: some of them may fail."""
_GIVE_BACK_S = 1.0


@asynccontextmanager
async def leased(store: Store, job: Job, lease_s: float) -> AsyncIterator[None]:
    """The body works on `job`. When the lease is lost the body is cancelled, since its effect would not be stored, and Conflict
    `lease_lost` raised. When the body is cancelled from outside, the job is given back, so that another worker has it at once."""
    work = asyncio.current_task()
    lost = False

    async def beat() -> None:
        nonlocal lost
        while True:
            await asyncio.sleep(lease_s / BEATS)
            try:
                held = await store.queue.heartbeat(job, lease_s=lease_s)
            except Problem:
                continue  # the lease still runs; the next beat may reach the store
            if not held and work is not None:
                if not await _is_done(store, job):
                    lost = True
                    work.cancel()
                return

    scope = TaskScope("lease")
    scope.start(beat(), name=job.job_id)
    try:
        yield
    except asyncio.CancelledError:
        if not lost or work is None:
            await _give_back(store, job)
            raise
        work.uncancel()
        raise Conflict("lease_lost", "another worker has taken over this job") from None
    finally:
        await scope.close(within_s=1.0)


async def _is_done(store: Store, job: Job) -> bool:
    """Whether this very claim has completed the job: what the body still does after that is nobody else's."""
    try:
        async with store.begin(job.tenant_id, read_only=True) as work:
            now = await work.jobs.get(job.job_id)
    except Problem:
        return False
    return now.state == "done" and now.attempt == job.attempt


async def _give_back(store: Store, job: Job) -> None:
    """As far as that can be done while the process ends; else the lease runs out."""
    with suppress(Problem, TimeoutError):
        async with asyncio.timeout(_GIVE_BACK_S), store.begin(job.tenant_id) as work:
            await work.jobs.give_back(job)
        _log.info("job_given_back", job_id=job.job_id, kind=job.kind)
