"""More than 500 forged tokens, none accepted: access tokens at the gateway, service tokens at every service, on HTTP and on sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from tests.support.forged_tokens import forged_tokens
from tests.support.gateway_rig import gateway_rig
from tests.support.service_apps import SERVICES, paths_of, service_app, status_of

from voiceagent.domain.identity import Principal
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Unauthenticated
from voiceagent.web.jwt import LEEWAY_S, TokenKeys
from voiceagent.web.tokens import SERVICE_LIFE_S, ServiceAuthenticator, ServiceTokens

START = datetime(2026, 1, 1, tzinfo=UTC)
AMONG_SERVICES_ONLY = {"claims kind", "claims kind key", "claims other tenant", "claims other user"}
"""Whoever holds the services' own key may say these things; no stranger can sign them."""


class Standing(SystemClock):
    """A clock that stands so many seconds after the start."""

    def __init__(self, seconds: float) -> None:
        self._at = START + timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._at


@pytest.mark.parametrize(
    ("seconds", "is_good"),
    [(-LEEWAY_S - 1, False), (-LEEWAY_S, True), (SERVICE_LIFE_S + LEEWAY_S - 1, True), (SERVICE_LIFE_S + LEEWAY_S + 1, False)],
)  # fmt: skip
def test_a_token_holds_from_its_first_second_to_its_last_with_the_leeway_of_clocks(seconds: int, is_good: bool) -> None:
    keys, caller = TokenKeys.random(), Principal("ten_a", "user_1", frozenset({"talk"}), "user")
    token = ServiceTokens(keys, clock=Standing(0)).issue(caller, "engine")
    there = ServiceTokens(keys, clock=Standing(seconds))
    if is_good:
        assert there.verify(token, "engine") == caller
    else:
        with pytest.raises(Unauthenticated):
            there.verify(token, "engine")


async def test_no_forged_access_token_opens_a_route_or_a_socket() -> None:
    async with gateway_rig() as rig:
        user = await rig.user("ten_a", "owner")
        claims = {"aud": "api", "sub": user.user_id, "tid": "ten_a", "sid": await rig.session(user)}
        forged = forged_tokens(rig.access_keys, claims, "at+jwt")
        async with rig.client.get("/api/v1/me", headers={"Authorization": f"Bearer {forged.pop('GOOD')}"}) as answer:
            assert answer.status == 200, "the pattern itself must be good, or the others prove nothing"
        assert len(forged) >= 190
        accepted = []
        for name, token in forged.items():
            headers = {"Authorization": f"Bearer {token}"}
            async with rig.client.get("/api/v1/me", headers=headers) as answer:
                if answer.status not in (401, 431):
                    accepted.append((name, answer.status))
            try:
                await (await rig.client.ws_connect("/v1/realtime", headers=headers)).close()
                accepted.append((name, 101))
            except aiohttp.WSServerHandshakeError as refused:
                if refused.status not in (401, 431):
                    accepted.append((name, refused.status))
        assert accepted == []


@pytest.mark.parametrize("service", SERVICES)
async def test_no_forged_service_token_opens_a_service(service: str) -> None:
    keys = TokenKeys.random()
    app = service_app(service, ServiceAuthenticator(ServiceTokens(keys), service))
    forged = forged_tokens(keys, {"aud": service, "sub": "user_1", "tid": "ten_a"}, "va-service+jwt")
    good = {"x-voiceagent-service": forged.pop("GOOD")}
    assert await status_of(app, "GET", "/api/v1/openapi.json", good) == 200, "the pattern itself must be good"
    for name in AMONG_SERVICES_ONLY:
        del forged[name]
    assert len(forged) >= 180
    targets = [
        ("GET", "/api/v1/openapi.json"),
        *((method, path) for method, path, _ in paths_of(app) if method == "WS"),
    ]
    assert service != "voice" or len(targets) == 2
    accepted = [
        (name, method, status)
        for name, token in forged.items()
        for method, path in targets
        if (status := await status_of(app, method, path, {"x-voiceagent-service": token})) != 401
    ]
    assert accepted == []
