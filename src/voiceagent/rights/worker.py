"""Claims erasures under a lease, and brings tombstones back to work after a restore: before anything is served."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

import structlog

from voiceagent.domain.erasure import Erasure, Tombstone
from voiceagent.domain.job import Job
from voiceagent.kit.errors import Conflict, NotFound, Problem
from voiceagent.kit.ids import new_id
from voiceagent.ports.leases import leased
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.requests import ERASE_PERSON, job_of
from voiceagent.rights.sweep import Sweep, Wait, completion, held_back

_log = structlog.get_logger(__name__)

LEASE_S = 60.0
_IDLE_S = 1.0
_RETRY_S = (2.0, 15.0, 60.0, 600.0)


class RightsWorker:
    """Runs one erasure at a time; any number of workers may run."""

    def __init__(self, parts: RightsParts, *, poll_s: float = _IDLE_S, wait: Wait = asyncio.sleep) -> None:
        self._parts = parts
        self._poll_s = poll_s
        self._wait = wait
        self._name = new_id("worker")

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                idle = not await self.run_one()
            except Problem as problem:  # the store is away: nothing can be done but wait for it
                _log.warning("worker_waits", code=problem.code)
                idle = True
            if idle:
                await asyncio.sleep(self._poll_s)

    async def run_one(self) -> bool:
        """Claim one erasure and carry it through; False when there was none."""
        job = await self._parts.store.queue.claim((ERASE_PERSON,), worker=self._name, lease_s=LEASE_S)
        if job is None:
            return False
        try:
            async with leased(self._parts.store, job, LEASE_S):
                await self._carried(job)
        except Conflict as conflict:
            _log.info("erasure_left", code=conflict.code)
        except Problem as problem:
            await self._postpone(job, problem.code)
        except Exception as error:  # noqa: BLE001 - the boundary of a job: one that fails must not stop the worker
            _log.error("job_broke", job_id=job.job_id, kind=job.kind, error=type(error).__name__)
            await self._postpone(job, "internal")
        return True

    async def replay(self) -> int:
        """Carry out again, now, each erasure that this database does not know of or has not ended: it is older than they are. How many.

        For a start before anything is served: restored copies of what was erased are never shown.
        """
        count = 0
        for tenant in await self._parts.store.directory.tenants():
            for tombstone in await self._parts.tombstones.of(tenant.tenant_id):
                if await self._is_new(tombstone):
                    count += 1
        while await self.run_one():
            pass
        return count

    async def _is_new(self, tombstone: Tombstone) -> bool:
        async with self._parts.store.begin(tombstone.tenant_id) as work:
            with contextlib.suppress(NotFound):
                await work.erasures.get(tombstone.erasure_id)
                return False
            now = self._parts.clock.now()
            erasure = Erasure(
                tombstone.erasure_id,
                tombstone.tenant_id,
                tombstone.names[0],
                tombstone.names,
                tombstone.documents,
                tombstone.at,
                is_replay=True,
            )
            await work.erasures.put(erasure)
            await work.jobs.enqueue(job_of(erasure, now))
        return True

    async def _carried(self, job: Job) -> None:
        async with self._parts.store.begin(job.tenant_id, read_only=True) as work:
            erasure = await work.erasures.get(job.subject_id)
        sweep = Sweep(self._parts, erasure, wait=self._wait)
        if erasure.state != "done":
            try:
                erasure = await sweep.run()
            except Conflict as conflict:
                if conflict.code != "legal_hold":
                    raise
                await self._stopped(job, sweep.erasure)
                return
        async with self._parts.store.begin(job.tenant_id) as work:
            await work.erasures.put(erasure)
            await work.audit.append(completion(erasure))
            await work.jobs.complete(job)

    async def _stopped(self, job: Job, erasure: Erasure) -> None:
        """A legal hold came after the request: what is still there stays, and the erasure says so. Whoever asks again begins it anew."""
        await self._parts.tombstones.withdraw(erasure.tombstone)
        async with self._parts.store.begin(job.tenant_id) as work:
            await work.erasures.put(replace(erasure, state="held", step=""))
            await work.audit.append(held_back(erasure, self._parts.clock.now()))
            await work.jobs.complete(job)
        _log.warning("erasure_held", erasure_id=erasure.erasure_id)

    async def _postpone(self, job: Job, code: str) -> None:
        wait_s = _RETRY_S[min(job.tries, len(_RETRY_S)) - 1]
        async with self._parts.store.begin(job.tenant_id) as work:
            await work.jobs.fail(job, error_code=code, retry_at=self._parts.clock.now() + timedelta(seconds=wait_s))
