"""An engine to test with: a real store in memory, a scripted model, documents that say what they are told."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from voiceagent.adapters.llm.scripted import ECHO, ScriptedAnswer, ScriptedLlm
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Message, Turn
from voiceagent.domain.document import Chunk, Passage, SearchQuery
from voiceagent.domain.identity import Principal, Tenant
from voiceagent.domain.reply import ReplyRequest
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.engine.routing.router import Router
from voiceagent.kit.errors import Problem
from voiceagent.kit.ids import new_id
from voiceagent.ports.services import OpenedConversation

START = datetime(2026, 1, 1, tzinfo=UTC)
_SECONDS = itertools.count()


def passage(number: int, text: str) -> Passage:
    """A passage of document `doc_<number>`, page `number`."""
    chunk = Chunk(f"chk_{number}", f"doc_{number}", "col_1", 0, number, 10, 10 + len(text), text)
    return Passage(chunk, f"Document {number}", 1.0 / number)


@dataclass
class ScriptedDocuments:
    """Implements ports.services.Documents: gives `found` after `delay_s`, or raises `problem`."""

    found: tuple[Passage, ...] = ()
    delay_s: float = 0.0
    problem: Problem | None = None
    asked: list[tuple[Principal, SearchQuery]] = field(default_factory=list)

    async def search(self, principal: Principal, query: SearchQuery) -> tuple[Passage, ...]:
        self.asked.append((principal, query))
        await asyncio.sleep(self.delay_s)
        if self.problem is not None:
            raise self.problem
        return self.found


@dataclass
class EngineKit:
    """script: what the model answers, may be changed at any time."""

    service: EngineService
    store: SqlStore
    llm: ScriptedLlm
    documents: ScriptedDocuments
    script: list[ScriptedAnswer]

    async def opened(self, principal: Principal, *, channel: str = "text") -> OpenedConversation:
        return await self.service.open_conversation(principal, agent_id="", conversation_id=None, channel=channel)

    def turn(self, opened: OpenedConversation, asked: str, heard: str) -> Turn:
        name = opened.conversation.conversation_id
        at = START + timedelta(
            seconds=next(_SECONDS)
        )  # turns are ordered by time, and two may be made within one millisecond
        return Turn(new_id("turn"), name, asked, heard + " and more", heard, "answered", at)

    def request(self, said: str, *, spoken: bool = True, deadline_s: float = 60.0) -> ReplyRequest:
        message = (Message("user", said),)
        return ReplyRequest("ten_a", "usr_a", Agent(), message, spoken=spoken, deadline_s=deadline_s)


@asynccontextmanager
async def engine_kit(*, tenants: tuple[str, ...] = ("ten_a",), with_documents: bool = True) -> AsyncIterator[EngineKit]:
    """An engine whose model repeats what was said until `script` is changed."""
    store = open_store("sqlite://")
    await store.migrate()
    for tenant_id in tenants:
        await store.directory.add_tenant(Tenant(tenant_id, tenant_id, START))
    script = [ECHO]
    llm = ScriptedLlm(script)
    documents = ScriptedDocuments()
    parts = EngineParts(store, Router({"scripted": llm}), documents if with_documents else None)
    try:
        yield EngineKit(EngineService(parts), store, llm, documents, script)
    finally:
        await llm.close()
        await store.close()
