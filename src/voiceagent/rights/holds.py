"""How long what is kept, and legal holds: small values of the tenant, read and written in a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from voiceagent.kit.errors import Conflict, InvalidInput
from voiceagent.ports.store import UnitOfWork

SETTING, STATE, HOLDS = "retention", "retention_state", "legal_holds"
MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after which each class of data is removed; None: never. Documents and the audit log are kept unless somebody removes them."""

    audio_days: int | None = 30
    transcripts_days: int | None = 365
    documents_days: int | None = None

    def before(self, days: int | None, now: datetime) -> datetime | None:
        """What is older than this is due."""
        return None if days is None else now - timedelta(days=days)


@dataclass(frozen=True, slots=True)
class Holds:
    """Legal holds. everything: nothing of the tenant is removed.  names: keyed hashes of the people whose data is not removed."""

    everything: bool = False
    names: frozenset[str] = field(default_factory=frozenset)


async def retention_of(work: UnitOfWork, default: Retention) -> Retention:
    """What the tenant has set, and `default` for the rest."""
    told: dict[str, Any] = await work.settings.get(SETTING) or {}
    days = {name: told.get(name, getattr(default, name)) for name in Retention.__dataclass_fields__}
    return Retention(**days)


async def put_retention(work: UnitOfWork, retention: Retention) -> None:
    """Replace what the tenant has set. Raises InvalidInput `bad_retention`."""
    await change_retention(work, {name: getattr(retention, name) for name in Retention.__dataclass_fields__})


async def change_retention(work: UnitOfWork, days: Mapping[str, int | None]) -> None:
    """Set the classes that are named; the others keep what was set, or go on following the default. Raises InvalidInput `bad_retention`."""
    if any(value is not None and not 1 <= value <= MOST_DAYS for value in days.values()):
        raise InvalidInput("bad_retention", f"give 1 to {MOST_DAYS} days, or null for never")
    told: dict[str, Any] = await work.settings.get(SETTING) or {}
    await work.settings.put(SETTING, told | dict(days))


async def holds_of(work: UnitOfWork) -> Holds:
    """The tenant's legal holds."""
    told: dict[str, Any] = await work.settings.get(HOLDS) or {}
    return Holds(bool(told.get("everything")), frozenset(told.get("names", ())))


async def put_holds(work: UnitOfWork, holds: Holds) -> None:
    """Replace them."""
    await work.settings.put(HOLDS, {"everything": holds.everything, "names": sorted(holds.names)})


async def is_held(work: UnitOfWork, *names: str) -> bool:
    """Whether the data of a subject with one of these keyed hashes must stay."""
    holds = await holds_of(work)
    return holds.everything or not holds.names.isdisjoint(names)


async def refuse_held(work: UnitOfWork, *names: str) -> None:
    """Raises Conflict `legal_hold`."""
    if await is_held(work, *names):
        raise Conflict("legal_hold", "this person's data is under a legal hold")
