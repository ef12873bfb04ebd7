"""Signing in on the talk page, in a real browser at a real gateway: a cookie that scripts cannot read, tickets, no key anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.e2e.test_page import FILES, DashboardPage, serve, speech_like
from tests.support import chromium
from tests.support.chromium import Page
from tests.support.gateway_rig import MUCH, PLENTY
from tests.support.patience import ANSWER_S
from tests.support.ports import free_ports
from tests.support.voice_fakes import FakeEngine, FakeStt, FakeTts, Sessions

from voiceagent.adapters.cache.memory import open_cache
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.identity import Tenant, User
from voiceagent.gateway.identity.passwords import Passwords
from voiceagent.gateway.link import LinkOptions
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.server import create_gateway
from voiceagent.ports.speech import SameForAll
from voiceagent.voice.server import VoiceServerParts, create_voice
from voiceagent.web.app import AppOptions
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.serve import Listener, Servers
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens

PROGRAM = chromium.found()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="missing: chromium")
EMAIL, PASSWORD = "ada@example.org", "kangaroo under my piano"


class Door:
    """The browser, and what came through to the voice service."""

    def __init__(self, page: Page, sessions: Sessions) -> None:
        self.page, self.sessions = page, sessions

    async def type(self, **fields: str) -> None:
        for name, value in fields.items():
            await self.page.run(f"document.getElementById('{name}').value = {json.dumps(value)}")

    async def click(self, name: str) -> None:
        await self.page.run(f"document.getElementById('{name}').click()")

    async def until_heard(self, sessions: int) -> None:
        async with asyncio.timeout(ANSWER_S):
            while len(self.sessions.opened) < sessions or not self.sessions.opened[-1].heard_bytes:
                await asyncio.sleep(0.02)


async def with_ada(store: Any) -> None:
    passwords, now = Passwords(), datetime.now(UTC)
    await store.migrate()
    await store.directory.add_tenant(Tenant("ten_a", "a", now))
    async with store.begin("ten_a") as work:
        await work.users.add(User("user_ada", "ten_a", EMAIL, "viewer", await passwords.hashed(PASSWORD), now))
    passwords.close()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    assert PROGRAM is not None
    store, keys, sessions = open_store("sqlite://"), TokenKeys.random(), Sessions()
    await with_ada(store)
    parts = VoiceServerParts(sessions.open, SameForAll(FakeStt(), FakeTts()), FakeEngine())
    voice = Servers([Listener(create_voice(parts, auth=ServiceAuthenticator(ServiceTokens(keys), "voice")), 0)])
    await voice.start()
    (gateway_port,) = free_ports(1)
    files, files_task, files_port = await serve(DashboardPage(Starlette(), folder=FILES, gateway_port=gateway_port))
    url = f"http://127.0.0.1:{files_port}"
    services = {name: [f"http://127.0.0.1:{voice.ports[0]}"] for name in ("voice", "engine", "documents")}
    app = create_gateway(
        GatewayParts(
            store, open_cache("memory://"), services, keys, TokenKeys.random(), app=AppOptions(cors_origins=(url,)),
            rates=PLENTY, quotas=MUCH, link=LinkOptions(probes=False),
        )
    )  # fmt: skip
    gateway = Servers([Listener(app, gateway_port)])
    await gateway.start()
    try:
        async with chromium.browser(PROGRAM, tmp_path / "profile", speech_like(tmp_path / "mic.wav")) as page:
            await page.open(url + "/")
            yield Door(page, sessions)
    finally:
        files.should_exit = True
        await gateway.stop()
        await voice.stop()
        await asyncio.wait({files_task}, timeout=10)
        await store.close()


async def test_a_person_signs_in_talks_again_and_leaves(door: Door) -> None:
    await door.type(email=EMAIL, password=PASSWORD)
    await door.click("sign-in")
    await door.until_heard(1)
    assert await door.page.run("document.getElementById('password').value") == ""
    assert await door.page.run("document.cookie") == "", "scripts cannot read the session"
    assert await door.page.run("sessionStorage.length + localStorage.length") == 0
    await door.click("end")
    await door.page.until("!document.getElementById('connect').hidden")
    await door.click("sign-in")  # a second ticket of the same session
    await door.until_heard(2)
    await door.click("end")
    await door.page.until("!document.getElementById('connect').hidden")
    await door.click("sign-out")
    await door.page.until("!document.getElementById('person').hidden")
    await door.click("sign-in")
    await door.page.until("!document.getElementById('problem').hidden")
    assert len(door.sessions.opened) == 2
    assert all("va_" not in address for address in door.page.requests)


async def test_a_wrong_password_is_told_and_opens_nothing(door: Door) -> None:
    await door.type(email=EMAIL, password="something else entirely")
    await door.click("sign-in")
    await door.page.until("!document.getElementById('problem').hidden")
    assert "wrong" in str(await door.page.run("document.getElementById('problem').innerText"))
    assert await door.page.run("document.getElementById('person').hidden") is False
    assert door.sessions.opened == []
