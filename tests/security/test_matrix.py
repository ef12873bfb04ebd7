"""Every route and socket x every role, nobody, an expired token, another tenant: generated from the apps, so that a new route is in it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from tests.support.gateway_rig import Rig, gateway_rig
from tests.support.service_apps import SERVICES, paths_of, service_app, status_of

from voiceagent.domain.identity import ROLES, SCOPES, Principal
from voiceagent.web.auth import Permission, declared
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.tokens import SERVICE_HEADER, AccessTokens, ServiceAuthenticator, ServiceTokens

ENDS_ITS_OWN_SESSION = "/api/v1/auth/logout"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with gateway_rig() as made:
        yield made


class PastClock:
    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(hours=1)


def needed(route: Any) -> frozenset[str]:
    return frozenset(scope for rule in declared(route) if isinstance(rule, Permission) for scope in rule.scopes)


async def answered(rig: Rig, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and problem code; 101 for a socket that opened."""
    if method == "WS":
        try:
            await (await rig.client.ws_connect(path, headers=headers)).close()
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status, "missing_scope" if refused.status == 403 else ""
        return 101, ""
    async with rig.client.request(method, path, headers=headers) as answer:
        if method == "HEAD":  # has no body to tell more
            return answer.status, "missing_scope" if answer.status == 403 else ""
        text = await answer.text()
    found = json.loads(text) if answer.status >= 400 and text.startswith("{") else {}
    return answer.status, str((found.get("error") or found).get("code", ""))


async def test_each_role_gets_exactly_what_its_scopes_say(rig: Rig) -> None:
    callers = {role: await rig.token(await rig.user("ten_a", role)) for role in ROLES}
    callers |= {f"key of {role}": (await rig.key(role=role))[1] for role in ROLES}
    wrong, tried = [], 0
    for method, path, route in paths_of(rig.app):
        if path == ENDS_ITS_OWN_SESSION:
            continue
        for name, headers in callers.items():
            allowed = needed(route) <= ROLES[name.rpartition(" ")[2]]
            status, code = await answered(rig, method, path, headers)
            refused = status == 401 or (status == 403 and code == "missing_scope")
            tried += 1
            if allowed == refused:
                wrong.append((name, method, path, status, code))
    assert wrong == []
    assert tried > 1000


async def test_nobody_expired_ended_and_foreign_callers_are_refused_everywhere(rig: Rig) -> None:
    user = await rig.user("ten_a", "owner")
    late = AccessTokens(rig.access_keys, clock=PastClock())  # type: ignore[arg-type] # only `now` is asked
    whoever = Principal("ten_a", user.user_id, frozenset(SCOPES), "user")
    session_id = await rig.session(user)
    elsewhere = Principal("ten_b", user.user_id, frozenset(SCOPES), "user")
    good = AccessTokens(rig.access_keys)
    over = await rig.session(user)
    async with rig.store.begin("ten_a") as work:
        await work.access.sessions.end(over, datetime.now(UTC))
    _, expired_key = await rig.key(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    service = ServiceTokens(rig.service_keys)
    callers = {
        "nobody": {},
        "expired token": {"Authorization": f"Bearer {late.issue(whoever, session_id)}"},
        "token that says another tenant": {"Authorization": f"Bearer {good.issue(elsewhere, session_id)}"},
        "ended session": {"Authorization": f"Bearer {good.issue(whoever, over)}"},
        "no session": {"Authorization": f"Bearer {good.issue(whoever, 'ses_none')}"},
        "expired key": expired_key,
        "a service token": {SERVICE_HEADER: service.issue(whoever, "engine")},
        "a service token as a bearer": {"Authorization": f"Bearer {service.issue(whoever, 'api')}"},
        "an empty cookie": {"Cookie": "va_session="},
    }
    tried = [
        (name, method, path, (await answered(rig, method, path, headers))[0])
        for method, path, _ in paths_of(rig.app)
        for name, headers in callers.items()
    ]
    made_up = {"Cookie": "va_session=vc_made-up"}
    tried += [
        ("a made-up cookie", method, path, (await answered(rig, method, path, made_up))[0])
        for method, path, _ in paths_of(rig.app)
        if method in ("GET", "HEAD")
    ]
    assert [case for case in tried if case[3] != 401] == []
    assert len(tried) > 1000


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_takes_its_own_tokens_with_the_right_scopes_and_nothing_else(name: str) -> None:
    keys = TokenKeys.random()
    tokens, late = ServiceTokens(keys), ServiceTokens(keys, clock=PastClock())  # type: ignore[arg-type]
    app = service_app(name, ServiceAuthenticator(tokens, name))
    everything = Principal("ten_a", "user_1", frozenset(SCOPES), "user")
    others = [one for one in (*SERVICES, "dashboard", "gateway", "api") if one != name]
    refused = {f"for {one}": {SERVICE_HEADER: tokens.issue(everything, one)} for one in others}
    refused |= {
        "nobody": {},
        "expired": {SERVICE_HEADER: late.issue(everything, name)},
        "another key": {SERVICE_HEADER: ServiceTokens(TokenKeys.random()).issue(everything, name)},
        "access token": {SERVICE_HEADER: AccessTokens(keys).issue(everything, "ses_1")},
        "in another header": {"Authorization": f"Bearer {tokens.issue(everything, name)}"},
    }
    tried = 0
    for method, path, route in paths_of(app):
        for case, headers in refused.items():
            assert await status_of(app, method, path, headers) == 401, (case, method, path)
            tried += 1
        for scope in needed(route):
            less = Principal("ten_a", "user_1", frozenset(SCOPES) - {scope}, "user")
            headers = {SERVICE_HEADER: tokens.issue(less, name)}
            assert await status_of(app, method, path, headers) == 403, (scope, method, path)
            tried += 1
    assert tried > 50
