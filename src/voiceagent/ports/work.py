"""Jobs as rows: enqueued in the transaction that needs them, claimed by workers under a lease, finished in the transaction of their effect."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from voiceagent.domain.job import Job

SUSPECT_LOSSES = 3
MOST_LOSSES = 12


class Jobs(Protocol):
    """Jobs of the tenant of the unit of work."""

    async def enqueue(self, job: Job) -> Job:
        """Store a new job; when its idempotency_key is known already, nothing is stored and the first one is returned."""
        ...

    async def get(self, job_id: str) -> Job:
        """The job. Raises NotFound `job_not_found`."""
        ...

    async def complete(self, job: Job) -> None:
        """Mark a claimed job done, in the transaction of its effect. Raises Conflict `lease_lost` when another claim followed."""
        ...

    async def fail(self, job: Job, *, error_code: str, retry_at: datetime | None) -> None:
        """Give a claimed job back until `retry_at`; for good when that is None or its attempts are used up. Raises Conflict `lease_lost`."""
        ...

    async def give_back(self, job: Job, *, due_at: datetime | None = None) -> None:
        """Let others claim a claimed job from `due_at` on, None: at once; this claim does not count. Raises Conflict `lease_lost` when
        another claim followed."""
        ...

    async def depth(self) -> int:
        """Jobs that wait or run."""
        ...


class Queue(Protocol):
    """What a worker needs before it knows the tenant: the jobs of all of them. Each call is a transaction of its own."""

    async def claim(
        self,
        kinds: tuple[str, ...],
        *,
        worker: str,
        lease_s: float,
        but_of: tuple[str, ...] = (),
        suspects: bool = True,
    ) -> Job | None:
        """The job that has been due longest, now leased to `worker`; None when there is none. No two workers get the same.

        but_of: ids of tenants whose jobs are left for later: they have their share of this worker.
        suspects: False leaves those that lost SUSPECT_LOSSES workers or more for later, while one of them is under way here.
        A job whose lease ran out is due again, after a growing pause once it is suspect; the MOST_LOSSES-th time it is failed with
        `lease_expired`. Which worker dies of what nobody can know: a restart must not cost a good job its attempts, nor a bad one go on for ever.
        Raises Unavailable `store_unavailable`.
        """
        ...

    async def heartbeat(self, job: Job, *, lease_s: float) -> bool:
        """Prolong the lease from now; False when it was lost: stop the work, its effect must not be stored."""
        ...

    async def depth(self) -> dict[str, int]:
        """Jobs that wait or run, by kind."""
        ...
