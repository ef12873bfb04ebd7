"""A fresh access token within an open socket: the call outlives the token that opened it, and nobody else's token is taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from tests.support.gateway_rig import Ahead, Rig, gateway_rig
from tests.support.patience import ANSWER_S

from voiceagent.domain.identity import ROLES, Principal, User
from voiceagent.web.jwt import LEEWAY_S
from voiceagent.web.tokens import ACCESS_LIFE_S, AccessTokens

PATH = "/v1/realtime?model=m"


class Ago:
    """A clock that lags."""

    def __init__(self, seconds: float) -> None:
        self._by = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) - self._by


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with gateway_rig() as made:
        yield made


def token(rig: Rig, user: User, session_id: str, *, left_s: float) -> str:
    clock = Ago(ACCESS_LIFE_S + LEEWAY_S - left_s)
    made = AccessTokens(rig.access_keys, clock=clock)  # type: ignore[arg-type]
    return made.issue(Principal(user.tenant_id, user.user_id, ROLES[user.role], "user"), session_id)


async def told(socket: aiohttp.ClientWebSocketResponse, event: dict[str, Any]) -> dict[str, Any]:
    await socket.send_str(json.dumps(event))
    async with asyncio.timeout(ANSWER_S):
        return dict(await socket.receive_json())


def update(access_token: str) -> dict[str, Any]:
    return {"type": "voiceagent.authorization.update", "event_id": "evt_1", "access_token": access_token}


async def test_a_call_goes_on_beyond_the_token_that_opened_it(rig: Rig) -> None:
    user = await rig.user("ten_a", "operator")
    session_id = await rig.session(user)
    short = {"Authorization": f"Bearer {token(rig, user, session_id, left_s=300)}"}
    async with rig.client.ws_connect(PATH, headers=short) as renewed, rig.client.ws_connect(PATH, headers=short) as old:
        await renewed.receive_json()
        await old.receive_json()
        answer = await told(renewed, update(token(rig, user, session_id, left_s=600)))
        assert answer["type"] == "voiceagent.authorization.updated"
        rig.app.state.gateway.identities._clock = Ahead(400)
        async with asyncio.timeout(ANSWER_S):
            async for message in old:
                last = json.loads(message.data)
        assert (old.close_code, last["error"]["code"]) == (4401, "token_expired")
        await renewed.send_str("still here")
        async with asyncio.timeout(ANSWER_S):
            assert "still here" in await renewed.receive_str()


async def test_the_fresh_token_s_session_is_watched(rig: Rig) -> None:
    user = await rig.user("ten_a", "operator")
    first, second = await rig.session(user), await rig.session(user)
    headers = {"Authorization": f"Bearer {token(rig, user, first, left_s=600)}"}
    async with rig.client.ws_connect(PATH, headers=headers) as socket:
        await socket.receive_json()
        assert (await told(socket, update(token(rig, user, second, left_s=600))))["type"].endswith("updated")
        async with rig.store.begin("ten_a") as work:
            await work.access.sessions.end(second, datetime.now(UTC))
        async with asyncio.timeout(ANSWER_S):
            async for _ in socket:
                pass
        assert socket.close_code == 4401


@pytest.mark.parametrize(
    "whose", ["another person's", "another tenant's", "no token", "expired", "of an ended session"]
)
async def test_no_other_token_is_taken_and_the_call_goes_on(rig: Rig, whose: str) -> None:
    user = await rig.user("ten_a", "operator")
    session_id = await rig.session(user)
    headers = {"Authorization": f"Bearer {token(rig, user, session_id, left_s=600)}"}
    other = await rig.user("ten_b" if "tenant" in whose else "ten_a", "owner")
    offered = {
        "no token": "rubbish",
        "expired": token(rig, user, session_id, left_s=-5),
        "of an ended session": token(rig, user, "ses_none", left_s=600),
    }.get(whose) or token(rig, other, await rig.session(other), left_s=600)
    async with rig.client.ws_connect(PATH, headers=headers) as socket:
        await socket.receive_json()
        answer = await told(socket, update(offered))
        assert answer["type"] == "error" and answer["error"]["event_id"] == "evt_1"
        assert answer["error"]["code"] in ("not_your_token", "bad_token", "token_expired", "session_over")
        await socket.send_str("still here")
        async with asyncio.timeout(ANSWER_S):
            assert "still here" in await socket.receive_str()


async def test_a_key_s_socket_takes_no_token_and_words_about_it_pass(rig: Rig) -> None:
    _, headers = await rig.key()
    user = await rig.user("ten_a", "operator")
    offered = token(rig, user, await rig.session(user), left_s=600)
    async with rig.client.ws_connect(PATH, headers=headers) as socket:
        await socket.receive_json()
        assert (await told(socket, update(offered)))["error"]["code"] == "not_your_token"
        await socket.send_str("what is voiceagent.authorization.update?")
        async with asyncio.timeout(ANSWER_S):
            assert "what is" in await socket.receive_str()
