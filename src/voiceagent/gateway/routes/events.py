"""/api/v1/events: events of the caller's organisation that nobody could handle, and handing them out again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.identity import Principal
from voiceagent.gateway.deeds import deed
from voiceagent.gateway.parts import Gateway, gateway_of
from voiceagent.kit.errors import NotFound
from voiceagent.ports.eventlog import Delivery, EventLog
from voiceagent.web.app import Router
from voiceagent.web.auth import require

router = Router(prefix="/api/v1/events", tags=["events"])
Reader = Annotated[Principal, Depends(require("settings:read"))]
Writer = Annotated[Principal, Depends(require("settings:write"))]
Parts = Annotated[Gateway, Depends(gateway_of)]
Group = Annotated[str, Query(min_length=1, max_length=60, pattern=r"^[a-z0-9_-]+$")]
MOST = 1_000


class Letter(BaseModel):
    """An event that was handed out too often without success. mark: where it stands in the log."""

    mark: str
    at: datetime
    kind: str
    subject_id: str
    data: dict[str, Any]


class DeadLetters(BaseModel):
    """waiting: events of all organisations that have not been published yet."""

    waiting: int
    items: list[Letter]


class Revival(BaseModel):
    """Marks that the list showed."""

    model_config = ConfigDict(extra="forbid")
    marks: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(min_length=1, max_length=MOST)


class Revived(BaseModel):
    """How many are handed out again."""

    revived: int


@router.get("/dead")
async def list_dead(caller: Reader, parts: Parts, group: Group = "notices") -> DeadLetters:
    """What a group of consumers could not handle, oldest first."""
    letters = await _own(await _log(parts), caller, group)
    items = [
        Letter(
            mark=one.mark, at=one.event.at, kind=one.event.kind, subject_id=one.event.subject_id, data=one.event.data
        )
        for one in letters
    ]
    return DeadLetters(waiting=await parts.store.relay.depth(), items=items)


@router.post("/revive")
async def revive_dead(
    wanted: Revival, request: Request, caller: Writer, parts: Parts, group: Group = "notices"
) -> Revived:
    """Hand them out again, from the first attempt on."""
    log = await _log(parts)
    own = {one.mark for one in await _own(log, caller, group)}
    marks = tuple(mark for mark in wanted.marks if mark in own)
    if not marks:
        raise NotFound("event_not_found", "none of these marks is that of a dead letter")
    async with parts.store.begin(caller.tenant_id) as work:
        await work.audit.append(deed(request, "events_revived", group, count=len(marks)))
    return Revived(revived=await log.revive(group, marks))


async def _log(parts: Gateway) -> EventLog:
    if parts.event_log is None:
        raise NotFound("event_not_found", "this gateway has no event log")
    return await parts.event_log()


async def _own(log: EventLog, caller: Principal, group: str) -> list[Delivery]:
    return [one for one in await log.dead(group, MOST) if one.event.tenant_id == caller.tenant_id]
