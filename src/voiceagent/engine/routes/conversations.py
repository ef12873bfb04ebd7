"""/api/v1/conversations: list, read, turns, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.identity import Principal
from voiceagent.engine.conversations import may_see
from voiceagent.engine.reply import EngineService
from voiceagent.kit.errors import NotFound
from voiceagent.ports.store import UnitOfWork
from voiceagent.web.answers.paging import Before, Paged, ending
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.deeds import deed

Reader = Annotated[Principal, Depends(require("conversations:read"))]
Writer = Annotated[Principal, Depends(require("conversations:write"))]
Limit = Annotated[int, Query(ge=1, le=200)]


class ConversationPage(Paged):
    """A page of conversations, those in which something was said last first."""

    conversations: list[Conversation]


class TurnPage(Paged):
    """The last turns, oldest first; the page that follows holds those that came before them."""

    turns: list[Turn]


def conversation_routes(engine: EngineService) -> Router:
    """What was said, for those who may read or remove it."""
    router = Router(prefix="/api/v1/conversations")
    store = engine.parts.store

    @router.get("")
    async def list_conversations(caller: Reader, before: Before, limit: Limit = 50) -> ConversationPage:
        async with store.begin(caller.tenant_id, may_lag=True) as work:
            found = await work.conversations.page(before=before, limit=limit)
        return ConversationPage(conversations=list(found), **ending([one.place for one in found], limit))

    @router.get("/{conversation_id}")
    async def get_conversation(conversation_id: str, caller: Reader) -> Conversation:
        async with store.begin(caller.tenant_id, read_only=True) as work:
            return await _seen(work, caller, conversation_id)

    @router.get("/{conversation_id}/turns")
    async def list_turns(conversation_id: str, caller: Reader, before: Before, limit: Limit = 50) -> TurnPage:
        async with store.begin(caller.tenant_id, may_lag=True) as work:
            await _seen(work, caller, conversation_id)
            found = await work.conversations.turns(conversation_id, last=limit, before=before)
        return TurnPage(turns=list(found), **ending([one.place for one in reversed(found)], limit))

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
