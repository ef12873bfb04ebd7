"""The places of one worker: how many jobs it does at a time, and whose. Claims and does none of them."""

from __future__ import annotations

import asyncio
from collections import Counter

from voiceagent.domain.job import Job
from voiceagent.ports.work import SUSPECT_LOSSES

LANES = 10
_FOR_OTHERS = 2
"""Lanes that one organisation leaves to the others, however much it has brought."""


class Lanes:
    """More of them than there are cores, so that slow files do not hold up the others."""

    def __init__(self, count: int = LANES) -> None:
        self._free = asyncio.Semaphore(count)
        self._share = max(count - _FOR_OTHERS, 1)
        self._under_way: Counter[str] = Counter()
        self._suspects = 0

    @property
    def full_of(self) -> tuple[str, ...]:
        """Organisations that fill so many lanes that what others bring would wait behind them."""
        return tuple(tenant_id for tenant_id, count in self._under_way.items() if count >= self._share)

    @property
    def takes_suspects(self) -> bool:
        """One at a time: if it kills this worker, too, no other suspect is blamed for it."""
        return not self._suspects

    async def wait(self) -> None:
        """Until a lane is free; it is then the caller's, who gives it to a job or frees it."""
        await self._free.acquire()

    def free(self) -> None:
        """The lane was not needed."""
        self._free.release()

    def give(self, job: Job) -> None:
        """The lane does this job."""
        self._under_way[job.tenant_id] += 1
        self._suspects += _is_suspect(job)

    def end(self, job: Job) -> None:
        """The job has left its lane."""
        self._under_way[job.tenant_id] -= 1
        self._suspects -= _is_suspect(job)
        self._free.release()


def _is_suspect(job: Job) -> bool:
    return job.lost >= SUSPECT_LOSSES
