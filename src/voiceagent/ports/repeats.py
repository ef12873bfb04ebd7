"""Answers that are given again to a call that is repeated under the same key, so that its effect happens once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a call. repeat_id: a digest of caller, method, path and key.  user_id: whose call it is.  holder: this try alone.

    expires_at: from then on the key is free.
    """

    repeat_id: str
    user_id: str
    holder: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it went out. body_sha256: of the request that it answers."""

    status: int
    media_type: str
    body: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a claim found. mine: the key is held by this attempt now.  kept: its answer, once there is one."""

    mine: bool
    kept: Kept | None = None


class Repeats(Protocol):
    """Keys of repeated calls, of one tenant."""

    async def claim(self, attempt: Attempt, *, until: datetime) -> Standing:
        """Hold the key until then when it is free, or was held by an attempt whose time is over without an answer. Of racers one gets it.

        Forgets keys of the tenant that have expired.
        """
        ...

    async def renew(self, attempt: Attempt, *, until: datetime) -> bool:
        """Hold on; False when the attempt holds it no longer."""
        ...

    async def keep(self, attempt: Attempt, kept: Kept) -> bool:
        """Store the answer until the key expires; False, and nothing is stored, when the attempt holds the key no longer."""
        ...

    async def release(self, attempt: Attempt) -> None:
        """The key is free again, unless it has an answer or another holder. Idempotent."""
        ...
