"""More than 500 forged tokens, none accepted: access tokens at the gateway, service tokens at every service, on HTTP and on sockets."""

from __future__ import annotations

import aiohttp
import pytest
from tests.support.forged_tokens import forged_tokens
from tests.support.gateway_rig import gateway_rig
from tests.support.service_apps import SERVICES, paths_of, service_app, status_of

from voiceagent.web.jwt import TokenKeys
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens

AMONG_SERVICES_ONLY = {"claims kind", "claims kind key", "claims other tenant", "claims other user"}
"""Whoever holds the services' own key may say these things; no stranger can sign them."""


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
