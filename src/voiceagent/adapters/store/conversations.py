"""Conversations, their turns, and agents as rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, delete, func, select, update

from voiceagent.adapters.store.scope import Scope, follows, insert_new, mine, param, placed, restored, upsert
from voiceagent.adapters.store.tables import agents, conversations, turns
from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Citation, Conversation, Turn, TurnTimings
from voiceagent.domain.document import Box
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import Conflict, NotFound

_TURN_COUNT = (
    select(func.count())
    .select_from(turns)
    .where(
        turns.c.tenant_id == conversations.c.tenant_id,
        turns.c.conversation_id == conversations.c.conversation_id,
    )
    .scalar_subquery()
    .label("turn_count")
)
_CONVERSATIONS = select(conversations, _TURN_COUNT)
_GET = _CONVERSATIONS.where(mine(conversations, "conversation_id"))
_NEWEST = (
    _CONVERSATIONS.where(mine(conversations))
    .order_by(conversations.c.updated_at.desc(), conversations.c.conversation_id.desc())
    .limit(param("count"))
)
_NEWEST_BEFORE = _NEWEST.where(follows(conversations.c.updated_at, conversations.c.conversation_id))
_AT = param("at", conversations.c.updated_at)
_TOUCH = (
    update(conversations)
    .where(mine(conversations, "conversation_id"))
    .values(updated_at=case((conversations.c.updated_at < _AT, _AT), else_=conversations.c.updated_at))
)
_DELETE = delete(conversations).where(mine(conversations, "conversation_id"))
_LAST_TURNS = (
    select(turns)
    .where(mine(turns, "conversation_id"))
    .order_by(turns.c.created_at.desc(), turns.c.turn_id.desc())
    .limit(param("count"))
)
_TURNS_BEFORE = _LAST_TURNS.where(follows(turns.c.created_at, turns.c.turn_id))
_GET_AGENT = select(agents).where(mine(agents, "agent_id"))
_ALL_AGENTS = select(agents).where(mine(agents)).order_by(agents.c.name, agents.c.agent_id)
_DELETE_AGENT = delete(agents).where(mine(agents, "agent_id"))


class SqlConversations:
    """Conversations and turns of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, conversation: Conversation) -> None:
        row = dataclasses.asdict(conversation)
        del row["turn_count"]
        if not await self._scope.put(insert_new(self._scope.dialect, conversations), row):
            raise Conflict("conversation_exists", "a conversation with this id exists", param="conversation_id")

    async def get(self, conversation_id: str) -> Conversation:
        row = await self._scope.row(_GET, conversation_id=conversation_id)
        if row is None:
            raise _unknown()
        return restored(Conversation, row)

    async def page(self, *, before: Place | None, limit: int) -> tuple[Conversation, ...]:
        query = _NEWEST if before is None else _NEWEST_BEFORE
        rows = await self._scope.rows(query, count=limit, **placed(before))
        return tuple(restored(Conversation, row) for row in rows)

    async def put_turn(self, turn: Turn) -> None:
        at = max(turn.created_at, self._scope.clock.now())
        if not await self._scope.changed(_TOUCH, conversation_id=turn.conversation_id, at=at):
            raise _unknown()
        await self._scope.put(upsert(self._scope.dialect, turns), _turn_row(turn))

    async def turns(self, conversation_id: str, *, last: int, before: Place | None = None) -> tuple[Turn, ...]:
        query = _LAST_TURNS if before is None else _TURNS_BEFORE
        rows = await self._scope.rows(query, conversation_id=conversation_id, count=last, **placed(before))
        return tuple(_turn(row) for row in reversed(rows))

    async def delete(self, conversation_id: str) -> bool:
        return await self._scope.changed(_DELETE, conversation_id=conversation_id)


class SqlAgents:
    """Agents of one transaction. Their settings are one JSON value, so that a new setting needs no migration."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, agent_id: str) -> Agent:
        row = await self._scope.row(_GET_AGENT, agent_id=agent_id)
        if row is None:
            raise NotFound("agent_not_found", "there is no such agent", param="agent_id")
        return _agent(row)

    async def put(self, agent: Agent) -> None:
        row = {"agent_id": agent.agent_id, "name": agent.name, "body": dataclasses.asdict(agent)}
        await self._scope.put(upsert(self._scope.dialect, agents), row)

    async def all(self) -> tuple[Agent, ...]:
        return tuple(_agent(row) for row in await self._scope.rows(_ALL_AGENTS))

    async def delete(self, agent_id: str) -> bool:
        return await self._scope.changed(_DELETE_AGENT, agent_id=agent_id)


def _unknown() -> NotFound:
    return NotFound("conversation_not_found", "there is no such conversation", param="conversation_id")


def _agent(row: dict[str, Any]) -> Agent:
    lists = {name: tuple(row["body"].get(name, ())) for name in ("collection_ids", "tools")}
    return restored(Agent, row["body"], **lists)


def _turn_row(turn: Turn) -> dict[str, object]:
    return {
        "turn_id": turn.turn_id,
        "conversation_id": turn.conversation_id,
        "asked": turn.asked,
        "answer": turn.answer,
        "heard": turn.heard,
        "state": turn.state,
        "created_at": turn.created_at,
        "timings": dataclasses.asdict(turn.timings),
        "citations": [dataclasses.asdict(citation) for citation in turn.citations],
        "usage": {
            "model": turn.model,
            "prompt_tokens": turn.prompt_tokens,
            "completion_tokens": turn.completion_tokens,
        },
        "error_code": turn.error_code,
    }


def _turn(row: dict[str, Any]) -> Turn:
    return restored(
        Turn,
        {**row, **row["usage"]},
        timings=restored(TurnTimings, row["timings"]),
        citations=tuple(_citation(citation) for citation in row["citations"]),
    )


def _citation(stored: Mapping[str, Any]) -> Citation:
    return restored(Citation, stored, boxes=tuple(restored(Box, box) for box in stored.get("boxes", ())))
