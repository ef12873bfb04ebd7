"""/api/v1/conversations: list, read, turns, delete."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel

from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.identity import Principal
from voiceagent.engine.conversations import may_see
from voiceagent.engine.reply import EngineService
from voiceagent.kit.errors import InvalidInput, NotFound
from voiceagent.ports.store import UnitOfWork
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.deeds import deed

Reader = Annotated[Principal, Depends(require("conversations:read"))]
Writer = Annotated[Principal, Depends(require("conversations:write"))]
Limit = Annotated[int, Query(ge=1, le=200)]


class ConversationPage(BaseModel):
    """Newest first. next_before: give it as `before` for the next page; null on the last."""

    conversations: list[Conversation]
    next_before: datetime | None


class TurnPage(BaseModel):
    """The last turns, oldest first."""

    turns: list[Turn]


def conversation_routes(engine: EngineService) -> Router:
    """What was said, for those who may read or remove it."""
    router = Router(prefix="/api/v1/conversations")
    store = engine.parts.store

    @router.get("")
    async def list_conversations(caller: Reader, before: datetime | None = None, limit: Limit = 50) -> ConversationPage:
        async with store.begin(caller.tenant_id, may_lag=True) as work:
            found = await work.conversations.page(before=_aware(before), limit=limit)
        return ConversationPage(
            conversations=list(found), next_before=found[-1].updated_at if len(found) == limit else None
        )

    @router.get("/{conversation_id}")
    async def get_conversation(conversation_id: str, caller: Reader) -> Conversation:
        async with store.begin(caller.tenant_id, read_only=True) as work:
            return await _seen(work, caller, conversation_id)

    @router.get("/{conversation_id}/turns")
    async def list_turns(conversation_id: str, caller: Reader, limit: Limit = 50) -> TurnPage:
        async with store.begin(caller.tenant_id, may_lag=True) as work:
            await _seen(work, caller, conversation_id)
            return TurnPage(turns=list(await work.conversations.turns(conversation_id, last=limit)))

    @router.delete("/{conversation_id}", status_code=204)
    async def delete_conversation(conversation_id: str, request: Request, caller: Writer) -> None:
        async with store.begin(caller.tenant_id) as work:
            if not await work.conversations.delete(conversation_id):
                raise NotFound("conversation_not_found", "there is no such conversation")
            await work.audit.append(deed(request, "conversation_deleted", conversation_id))

    return router


async def _seen(work: UnitOfWork, caller: Principal, conversation_id: str) -> Conversation:
    found = await work.conversations.get(conversation_id)
    if not may_see(caller, found):
        raise NotFound("conversation_not_found", "there is no such conversation")
    return found


def _aware(before: datetime | None) -> datetime | None:
    if before is None:
        return None
    if before.tzinfo is None:
        raise InvalidInput("bad_time", "a time carries its offset, such as Z", param="before")
    return before.astimezone(UTC)
