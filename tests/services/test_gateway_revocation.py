"""What was given can be taken back: open sockets and tokens end when the key, session, role, password or person behind them does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from tests.support.gateway_rig import Ahead, Rig, gateway_rig, problem_of
from tests.support.patience import ANSWER_S

from voiceagent.domain.identity import Principal
from voiceagent.gateway.identity import remembered
from voiceagent.gateway.identity.sessions import REFRESH_IDLE
from voiceagent.gateway.passing import watch
from voiceagent.web.jwt import LEEWAY_S
from voiceagent.web.tokens import ACCESS_LIFE_S, AccessTokens

PASSWORD = "kangaroo under my piano"
PATH = "/v1/realtime?model=m"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with gateway_rig() as made:
        yield made


async def signed_in(rig: Rig, role: str = "operator") -> tuple[str, dict[str, Any]]:
    """(user id, tokens) of a new person."""
    _, owner = await rig.key()
    email = f"{role}-{datetime.now(UTC).timestamp()}@example.org"
    new = {"email": email, "password": PASSWORD, "role": role}
    async with rig.client.post("/api/v1/users", headers=owner, json=new) as answer:
        assert answer.status == 201, await answer.text()
        user_id = (await answer.json())["user_id"]
    async with rig.client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD}) as answer:
        assert answer.status == 200, await answer.text()
        return user_id, {"email": email} | await answer.json()


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def ended(socket: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    """The close code of the socket and the code of the error event before it; fails when it stays open."""
    code = ""
    async with asyncio.timeout(ANSWER_S):
        async for message in socket:
            event = json.loads(message.data)
            code = event["error"]["code"] if event.get("type") == "error" else code
    return socket.close_code, code


def test_five_seconds_are_enough_by_arithmetic() -> None:
    assert remembered.REMEMBERED_S + watch.LOOKS_EVERY_S < 5.0


async def test_an_open_socket_ends_with_its_key(rig: Rig) -> None:
    key, headers = await rig.key()
    _, owner = await rig.key()
    async with rig.client.ws_connect(PATH, headers=headers) as socket:
        await socket.receive_json()
        async with rig.client.delete(f"/api/v1/keys/{key.key_id}", headers=owner) as answer:
            assert answer.status == 204
        assert await ended(socket) == (4401, "bad_api_key")
    await asyncio.wait_for(rig.probe.socket_closed.wait(), ANSWER_S)


async def test_an_open_socket_ends_when_the_key_is_revoked_in_another_process(rig: Rig) -> None:
    key, headers = await rig.key()
    async with rig.client.ws_connect(PATH, headers=headers) as socket:
        await socket.receive_json()
        async with rig.store.begin("ten_a") as work:
            await work.keys.revoke(key.key_id, datetime.now(UTC))
        assert await ended(socket) == (4401, "bad_api_key")


async def test_open_sockets_end_with_the_person_the_session_and_the_role(rig: Rig) -> None:
    _, owner = await rig.key()
    for change, expected in (
        ({"disabled": True}, (4401, "bad_token")),
        ({"role": "analyst"}, (4401, "session_over")),
        ({"password": "wet otters sing low"}, (4401, "session_over")),
    ):
        user_id, tokens = await signed_in(rig)
        async with rig.client.ws_connect(PATH, headers=bearer(tokens)) as socket:
            await socket.receive_json()
            async with rig.client.patch(f"/api/v1/users/{user_id}", headers=owner, json=change) as answer:
                assert answer.status == 200
            assert await ended(socket) == expected
        async with rig.client.get("/api/v1/me", headers=bearer(tokens)) as answer:
            assert answer.status == 401
    _, tokens = await signed_in(rig)
    async with rig.client.ws_connect(PATH, headers=bearer(tokens)) as socket:
        await socket.receive_json()
        async with rig.client.post("/api/v1/auth/logout", headers=bearer(tokens)) as answer:
            assert answer.status == 204
        assert await ended(socket) == (4401, "session_over")


async def test_an_open_socket_ends_with_its_token(rig: Rig) -> None:
    user = await rig.user("ten_a", "operator")
    token = AccessTokens(rig.access_keys).issue(
        Principal("ten_a", user.user_id, frozenset({"talk"}), "user"), await rig.session(user)
    )
    async with rig.client.ws_connect(PATH, headers={"Authorization": f"Bearer {token}"}) as socket:
        await socket.receive_json()
        rig.app.state.gateway.identities._clock = Ahead(ACCESS_LIFE_S + LEEWAY_S - 300)
        async with rig.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == 200, "it has some minutes left"
        rig.app.state.gateway.identities._clock = Ahead(ACCESS_LIFE_S + LEEWAY_S + 1)
        assert await ended(socket) == (4401, "token_expired")


class HandClock:
    def __init__(self, at_s: float) -> None:
        self.at_s = at_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)


async def test_a_key_loses_a_socket_when_its_owners_role_shrinks(rig: Rig) -> None:
    _, owner = await rig.key()
    user = await rig.user("ten_a", "operator")
    _, headers = await rig.key(role="operator", user_id=user.user_id)
    async with rig.client.ws_connect(PATH, headers=headers) as socket:
        await socket.receive_json()
        async with rig.client.patch(f"/api/v1/users/{user.user_id}", headers=owner, json={"role": "viewer"}) as answer:
            assert answer.status == 200
        assert await ended(socket) == (4403, "rights_changed")


async def refreshed(rig: Rig, token: str) -> tuple[int, Any]:
    async with rig.client.post("/api/v1/auth/refresh", json={"refresh_token": token}) as answer:
        return answer.status, await answer.json()


async def test_refresh_tokens_rotate_and_a_second_use_ends_the_family(rig: Rig) -> None:
    _, tokens = await signed_in(rig)
    status, second = await refreshed(rig, tokens["refresh_token"])
    assert status == 200 and second["refresh_token"] != tokens["refresh_token"]
    status, third = await refreshed(rig, second["refresh_token"])
    assert status == 200
    async with rig.client.get("/api/v1/me", headers=bearer(third)) as answer:
        assert answer.status == 200
    assert (await refreshed(rig, tokens["refresh_token"]))[1]["code"] == "bad_refresh_token"
    assert (await refreshed(rig, third["refresh_token"]))[0] == 401, "the family is dead"
    for one in (tokens, second, third):
        async with rig.client.get("/api/v1/me", headers=bearer(one)) as answer:
            assert await problem_of(answer) == (401, "session_over")
    async with rig.store.begin("ten_a") as work:
        assert "refresh_token_reused" in [one.action for one in await work.audit.page(before_id=None, limit=9)]


async def test_of_fifty_racers_with_one_refresh_token_one_wins(rig: Rig) -> None:
    _, tokens = await signed_in(rig)
    answers = await asyncio.gather(*(refreshed(rig, tokens["refresh_token"]) for _ in range(50)))
    assert sorted(status for status, _ in answers) == [200] + [401] * 49


async def test_the_store_holds_no_refresh_token_and_idle_ones_end(rig: Rig) -> None:
    _, tokens = await signed_in(rig)
    async with rig.store._database.transaction({}, "read") as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM grants")).all()
    assert rows and tokens["refresh_token"] not in str(rows)
    sessions = rig.app.state.gateway.sessions
    sessions._clock = HandClock(datetime.now(UTC).timestamp() + REFRESH_IDLE.total_seconds() + 1)
    assert (await refreshed(rig, tokens["refresh_token"]))[0] == 401
    for forged in ("", "vr_", "vr_" + "x" * 43, tokens["refresh_token"][:-1], tokens["access_token"]):
        assert (await refreshed(rig, forged[:256]))[0] == 401
