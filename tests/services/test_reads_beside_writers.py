"""Reads do not wait for those who write: every GET of the engine answers while a change is under way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2 as httpx
import pytest
from starlette.requests import HTTPConnection
from tests.support.engine_parts import START

from voiceagent.adapters.llm.scripted import ECHO, ScriptedLlm
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.agent import Agent
from voiceagent.domain.identity import ROLES, Principal, Tenant
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.engine.routing.router import Router
from voiceagent.engine.server import create_engine

ANSWERS_WITHIN_S = 60.0
OWNER = Principal("ten_a", "usr_a", ROLES["owner"], "user")


async def _owner(_conn: HTTPConnection) -> Principal | None:
    return OWNER


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/agents"),
        ("GET", "/api/v1/agents/agent_1"),
        ("GET", "/api/v1/conversations"),
        ("GET", "/api/v1/conversations/{conversation_id}"),
        ("GET", "/api/v1/conversations/{conversation_id}/turns"),
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
        ("RESUME", ""),
    ],
)
async def test_a_read_is_answered_while_another_transaction_writes(tmp_path: Path, method: str, path: str) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'voiceagent.db'}")
    await store.migrate()
    await store.directory.add_tenant(Tenant("ten_a", "ten_a", START))
    async with store.begin("ten_a") as work:
        await work.agents.put(Agent("agent_1", "Mia", "Answer."))
    service = EngineService(EngineParts(store, Router({"scripted": ScriptedLlm([ECHO])}), None))
    opened = await service.open_conversation(OWNER, agent_id="agent_1", conversation_id=None, channel="text")
    conversation_id = opened.conversation.conversation_id
    app = create_engine(service, auth=_owner)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://t") as http,
        store.begin("ten_a"),
        asyncio.timeout(ANSWERS_WITHIN_S),
    ):
        if method == "RESUME":
            again = await service.open_conversation(OWNER, agent_id="", conversation_id=conversation_id, channel="text")
            assert again.conversation.conversation_id == conversation_id
        else:
            body = {"model": "agent_1", "messages": [{"role": "user", "content": "Hello"}]}
            path = path.format(conversation_id=conversation_id)
            answer = await http.request(method, path, json=body if method == "POST" else None)
            assert answer.status_code == 200, answer.text
    await store.close()
