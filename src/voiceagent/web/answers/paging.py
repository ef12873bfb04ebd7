"""Where a list of the management API goes on: the moment and the id at which the page before ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, TypedDict

from fastapi import Depends, Query
from pydantic import BaseModel

from voiceagent.domain.paging import Place


def in_utc(moment: datetime) -> datetime:
    """A moment as callers write it; one without a time zone is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _place(
    before: Annotated[datetime | None, Query(description="`next_before` of the page before.")] = None,
    before_id: Annotated[
        str,
        Query(
            max_length=128,
            description="`next_before_id` of the page before; without it those of that moment are left out.",
        ),
    ] = "",
) -> Place | None:
    return None if before is None else (in_utc(before), before_id)


Before = Annotated[Place | None, Depends(_place)]
"""The place that the caller gave, None for the first page."""


class Paged(BaseModel):
    """A page of a list. next_before, next_before_id: give them as `before` and `before_id` for the page that follows; null on the last one."""

    next_before: datetime | None
    next_before_id: str | None


class Ending(TypedDict):
    """The fields of Paged."""

    next_before: datetime | None
    next_before_id: str | None


def ending(places: Sequence[Place], limit: int) -> Ending:
    """Where a page ends whose rows stand at `places`, the newest first; a page that is not full is the last one."""
    at, row_id = places[-1] if len(places) == limit else (None, None)
    return {"next_before": at, "next_before_id": row_id}
