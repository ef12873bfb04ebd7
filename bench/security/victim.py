"""A tenant full of secrets: every field of every kind of object holds a canary, a random word that nobody else may ever see."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp

from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.identity import ROLES, CustomRole, Principal, Session, Tenant, User
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.tokens import AccessTokens


@dataclass
class Member:
    """A tenant, an owner, and headers: `key` of an owner's key, `viewer` of a weak one, `token` of the signed-in owner."""

    tenant_id: str
    user_id: str
    key: dict[str, str]
    viewer: dict[str, str]
    token: dict[str, str]


@dataclass
class Victim:
    """canaries: words that only the tenant itself may see.  ids: its objects by the name of the path parameter."""

    member: Member
    canaries: list[str] = field(default_factory=list)
    ids: dict[str, list[str]] = field(default_factory=dict)

    def canary(self) -> str:
        """A fresh one, 64 random bits."""
        word = f"cnry{secrets.token_hex(8)}"
        self.canaries.append(word)
        return word

    @property
    def all_ids(self) -> list[str]:
        return [one for ids in self.ids.values() for one in ids]


async def enrol(store: Store, tenant_id: str, access_keys: TokenKeys) -> Member:
    """A tenant with an owner, who holds keys and is signed in."""
    now = datetime.now(UTC)
    await store.directory.add_tenant(Tenant(tenant_id, tenant_id, now))
    user = User(new_id("user"), tenant_id, f"{new_id('u')}@example.org", "owner", "", now)
    session = Session(new_id("ses"), user.user_id, user.epoch, "password", now, now + timedelta(hours=2))
    headers = []
    async with store.begin(tenant_id) as work:
        await work.users.add(user)
        await work.access.sessions.add(session)
        for role in ("owner", "viewer"):
            key, secret = new_key(KeyOrder(tenant_id, "", role, frozenset(ROLES[role])), now)
            await work.keys.add(key)
            headers.append({"Authorization": f"Bearer {secret}"})
    token = AccessTokens(access_keys).issue(
        Principal(tenant_id, user.user_id, ROLES["owner"], "user"), session.session_id
    )
    return Member(tenant_id, user.user_id, headers[0], headers[1], {"Authorization": f"Bearer {token}"})


async def fill(store: Store, victim: Victim, client: aiohttp.ClientSession) -> None:
    """Objects of every kind; documents through the API, so that they are parsed, cut, and indexed."""
    await _rows(store, victim)
    collection = await _posted(client, victim, "/api/v1/collections", {"name": victim.canary()})
    collection_id = collection.get("collection_id") or collection["id"]
    files = []
    for number in range(2):
        form = aiohttp.FormData()
        text = f"The code word of the project is {victim.canary()}. Guard it well, chapter {number}."
        form.add_field("file", text.encode(), filename=f"{victim.canary()}.txt", content_type="text/plain")
        form.add_field("collection_id", collection_id)
        async with client.post("/api/v1/documents", data=form, headers=victim.member.key) as answer:
            body = await answer.json()
            assert answer.status in (200, 201, 202), body
        files.append(_document_id(body))
    store_made = await _posted(client, victim, "/v1/vector_stores", {"name": victim.canary()})
    victim.ids |= {
        "collection_id": [collection_id],
        "document_id": files,
        "file_id": files[:1],
        "store_id": [store_made["id"]],
    }
    await _ready(client, victim, files)


def _document_id(body: dict[str, object]) -> str:
    inner = body.get("document", body)
    assert isinstance(inner, dict)
    return str(inner.get("document_id") or inner["id"])


async def _posted(client: aiohttp.ClientSession, victim: Victim, path: str, body: object) -> dict[str, str]:
    async with client.post(path, json=body, headers=victim.member.key) as answer:
        made: dict[str, str] = await answer.json()
        assert answer.status in (200, 201), made
        return made


async def _ready(client: aiohttp.ClientSession, victim: Victim, ids: list[str]) -> None:
    async with asyncio.timeout(300):
        for one in ids:
            while True:
                async with client.get(f"/api/v1/documents/{one}", headers=victim.member.key) as answer:
                    text = await answer.text()
                if '"ready"' in text or json.loads(text).get("state") in ("ready", "failed"):
                    break
                await asyncio.sleep(0.3)


async def _rows(store: Store, victim: Victim) -> None:
    now, tenant_id = datetime.now(UTC), victim.member.tenant_id
    conversation_id, agent_id, role = new_id("conv"), new_id("agent"), f"role-{new_id('r')[-8:]}"
    citizen = User(new_id("user"), tenant_id, f"{victim.canary()}@example.org", "viewer", "", now)
    session = Session(new_id("ses"), citizen.user_id, 0, "password", now, now + timedelta(hours=2))
    key, secret = new_key(KeyOrder(tenant_id, "", victim.canary(), frozenset({"talk"})), now)
    victim.canaries.append(secret)
    conversation = Conversation(conversation_id, agent_id, victim.member.user_id, "text", now, now, victim.canary())
    async with store.begin(tenant_id) as work:
        await work.agents.put(Agent(agent_id, victim.canary(), victim.canary(), greeting=victim.canary()))
        await work.conversations.add(conversation)
        for _ in range(3):
            said = (victim.canary(), victim.canary(), victim.canary())
            await work.conversations.put_turn(Turn(new_id("turn"), conversation_id, *said, "answered", now))
        await work.users.add(citizen)
        await work.access.sessions.add(session)
        await work.access.roles.put(CustomRole(role, frozenset({"talk"})))
        await work.keys.add(key)
        await work.settings.put("note", {"text": victim.canary()})
    victim.ids |= {
        "conversation_id": [conversation_id],
        "agent_id": [agent_id],
        "user_id": [citizen.user_id, victim.member.user_id],
        "session_id": [session.session_id],
        "key_id": [key.key_id],
        "name": [role],
    }


def opened_store(url: str) -> Store:
    """The store of the platform under attack, beside it."""
    return open_store(url)
