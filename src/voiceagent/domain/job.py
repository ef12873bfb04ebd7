"""Work that is done later, as a row: what is to be done, to what, and how often it was tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

JobState = Literal["queued", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work of one tenant. subject_id names what it is about; payload holds small plain values, never content.

    attempt: how often it was claimed, this time included; with job_id it names one claim, so that a worker whose lease
    ran out cannot finish what another has taken over.  given_back: claims that a worker ended because it stopped, or
    because what it needs was away.
    lost: claims whose worker was not heard of again.  max_attempts: how many others may fail.
    lease_until: set while running.  state failed: given up, error_code says why.
    idempotency_key: a second job with the same one is the first.
    """

    job_id: str
    tenant_id: str
    kind: str
    subject_id: str
    created_at: datetime
    payload: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    state: JobState = "queued"
    attempt: int = 0
    given_back: int = 0
    lost: int = 0
    max_attempts: int = 5
    due_at: datetime | None = None
    lease_until: datetime | None = None
    idempotency_key: str | None = None
    error_code: str | None = None

    @property
    def tries(self) -> int:
        """Claims that failed or are under way: those that count against max_attempts."""
        return self.attempt - self.given_back - self.lost
