"""Where a list of the management API goes on: the moment and the id at which the page before ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel

from voiceagent.domain.paging import Place


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
    if before is None:
        return None
    return before if before.tzinfo else before.replace(tzinfo=UTC), before_id


Before = Annotated[Place | None, Depends(_place)]
"""The place that the caller gave, None for the first page. A moment without a time zone is UTC."""


class Paged(BaseModel):
    """A page of a list. next_before, next_before_id: give them as `before` and `before_id` for the page that follows; null on the last one."""

    next_before: datetime | None
    next_before_id: str | None
