"""Keys, people and tokens at the gateway: what is shown, who may do what, how fast a door closes, forged tokens."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from tests.support.gateway_rig import PLENTY, Rig, gateway_rig, problem_of

from voiceagent.domain.identity import ROLES
from voiceagent.gateway.identity import remembered
from voiceagent.gateway.identity.callers import GatewayRates
from voiceagent.web.auth import Open, all_routes, declared
from voiceagent.web.limits import Rate

PASSWORD = "correct horse battery"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with gateway_rig() as made:
        yield made


async def test_a_key_is_shown_once_works_and_can_be_revoked(rig: Rig) -> None:
    _, owner = await rig.key()
    wanted = {"name": "robot", "scopes": ["talk", "agents:read"], "expires_in_days": 2}
    async with rig.client.post("/api/v1/keys", headers=owner, json=wanted) as answer:
        made = await answer.json()
    assert answer.status == 201
    assert made["secret"].startswith(made["prefix"]) and len(made["secret"]) == 42
    robot = {"Authorization": f"Bearer {made['secret']}"}
    async with rig.client.get("/api/v1/me", headers=robot) as answer:
        assert (await answer.json())["scopes"] == ["agents:read", "talk"]
    async with rig.client.get("/api/v1/keys", headers=owner) as answer:
        text = await answer.text()
    assert made["secret"] not in text and "sha256" not in text
    async with rig.client.delete(f"/api/v1/keys/{made['key_id']}", headers=owner) as answer:
        assert answer.status == 204
    async with rig.client.get("/api/v1/me", headers=robot) as answer:
        assert await problem_of(answer) == (401, "bad_api_key")
    async with rig.store.begin("ten_a") as work:
        assert [entry.action for entry in await work.audit.page(before_id=None, limit=5)] == [
            "key_revoked",
            "key_created",
        ]


async def test_a_key_revoked_elsewhere_is_out_within_five_seconds(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert remembered.REMEMBERED_S <= 5.0
    key, headers = await rig.key()
    identities = rig.app.state.gateway.identities
    now_s = identities._clock.monotonic_s()
    async with rig.client.get("/api/v1/me", headers=headers) as answer:
        assert answer.status == 200
    async with rig.store.begin("ten_a") as work:
        await work.keys.revoke(key.key_id, datetime.now(UTC))
    monkeypatch.setattr(identities._clock, "monotonic_s", lambda: now_s + 5.0, raising=False)
    async with rig.client.get("/api/v1/me", headers=headers) as answer:
        assert await problem_of(answer) == (401, "bad_api_key")


async def test_expired_keys_and_keys_of_disabled_people_are_refused(rig: Rig) -> None:
    _, expired = await rig.key(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    async with rig.client.get("/api/v1/me", headers=expired) as answer:
        assert await problem_of(answer) == (401, "api_key_expired")
    _, owner = await rig.key()
    user = await rig.user("ten_a", "viewer")
    _, headers = await rig.key(role="owner", user_id=user.user_id)
    async with rig.client.get("/api/v1/me", headers=headers) as answer:
        body = await answer.json()
        assert (body["subject"], set(body["scopes"])) == (user.user_id, set(ROLES["viewer"])), "bounded by its owner"
    async with rig.client.patch(f"/api/v1/users/{user.user_id}", headers=owner, json={"disabled": True}) as answer:
        assert answer.status == 200
    async with rig.client.get("/api/v1/me", headers=headers) as answer:
        assert await problem_of(answer) == (401, "bad_api_key")


async def test_nobody_gives_more_than_they_have(rig: Rig) -> None:
    _, admin = await rig.key(role="admin")
    owner = await rig.user("ten_a", "owner")
    async with rig.client.post(
        "/api/v1/keys", headers=admin, json={"name": "x", "scopes": ["settings:write"]}
    ) as answer:
        assert await problem_of(answer) == (403, "missing_scope")
    new = {"email": "new@example.org", "password": PASSWORD, "role": "owner"}
    async with rig.client.post("/api/v1/users", headers=admin, json=new) as answer:
        assert await problem_of(answer) == (403, "role_too_high")
    async with rig.client.patch(f"/api/v1/users/{owner.user_id}", headers=admin, json={"password": PASSWORD}) as answer:
        assert await problem_of(answer) == (403, "role_too_high")
    async with rig.client.post(
        "/api/v1/users", headers=admin, json=new | {"role": "viewer", "tenant_id": "ten_b"}
    ) as answer:
        assert await problem_of(answer) == (422, "invalid_request")


async def test_another_tenant_neither_sees_nor_changes_anything(rig: Rig) -> None:
    key_a, _ = await rig.key("ten_a")
    user_a = await rig.user("ten_a", "viewer")
    _, other = await rig.key("ten_b", "owner")
    async with rig.client.get("/api/v1/keys", headers=other) as answer:
        assert key_a.key_id not in await answer.text()
    async with rig.client.get("/api/v1/users", headers=other) as answer:
        assert user_a.user_id not in await answer.text()
    for method, path in (
        ("DELETE", f"/api/v1/keys/{key_a.key_id}"),
        ("GET", f"/api/v1/users/{user_a.user_id}"),
        ("PATCH", f"/api/v1/users/{user_a.user_id}"),
    ):
        async with rig.client.request(method, path, headers=other, json={"disabled": True}) as answer:
            assert answer.status == 404, path
    async with rig.store.begin("ten_a") as work:
        assert not (await work.users.get(user_a.user_id)).disabled


async def test_a_person_signs_in_and_a_wrong_password_looks_like_an_unknown_one(rig: Rig) -> None:
    _, owner = await rig.key()
    new = {"email": "Ada@example.org", "password": PASSWORD, "role": "operator"}
    async with rig.client.post("/api/v1/users", headers=owner, json=new) as answer:
        assert answer.status == 201 and "password" not in await answer.text()
    async with rig.client.post("/api/v1/auth/login", json={"email": "ada@example.org", "password": PASSWORD}) as answer:
        token = (await answer.json())["access_token"]
    async with rig.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}) as answer:
        body = await answer.json()
        assert (body["kind"], set(body["scopes"])) == ("user", set(ROLES["operator"]))
    refusals = []
    for email in ("ada@example.org", "nobody@example.org"):
        async with rig.client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"}) as answer:
            refusals.append(await problem_of(answer))
    assert refusals == [(401, "bad_sign_in")] * 2


async def test_weak_passwords_are_refused(rig: Rig) -> None:
    _, owner = await rig.key()
    for password in ("short", "aaaaaaaaaaaaaaaa", "x" * 300):
        new = {"email": "x@example.org", "password": password}
        async with rig.client.post("/api/v1/users", headers=owner, json=new) as answer:
            assert await problem_of(answer) == (400, "weak_password")


async def test_the_words_of_an_address_are_no_password_however_it_is_set(rig: Rig) -> None:
    _, owner = await rig.key()
    new = {"email": "ann@example.org", "password": PASSWORD}
    async with rig.client.post("/api/v1/users", headers=owner, json=new) as answer:
        user_id = (await answer.json())["user_id"]
    plain = {"password": "annexampleorg123"}
    async with rig.client.patch(f"/api/v1/users/{user_id}", headers=owner, json=plain) as answer:
        assert await problem_of(answer) == (400, "common_password")
    async with rig.client.patch(f"/api/v1/users/{user_id}", headers=owner, json={"password": PASSWORD}) as answer:
        assert answer.status == 200
    async with rig.client.patch("/api/v1/users/user_none", headers=owner, json=plain) as answer:
        assert await problem_of(answer) == (404, "user_not_found")


@pytest.mark.parametrize(
    "sent", [{"data": '{"name": "x"}', "headers": {"Content-Type": "text/plain"}}, {"json": [1]}, {}]
)
async def test_a_body_of_another_kind_is_told_what_is_wanted(rig: Rig, sent: dict[str, Any]) -> None:
    _, owner = await rig.key()
    given = sent | {"headers": sent.get("headers", {}) | owner}
    async with rig.client.post("/api/v1/keys", **given) as answer:
        told = await answer.json()
    assert (answer.status, told["code"], told["param"]) == (422, "invalid_request", "body")
    assert "application/json" in told["detail"]


async def test_sign_in_and_guessing_are_throttled() -> None:
    rates = GatewayRates(PLENTY.address, PLENTY.caller, Rate("failures", 0.01, 3), Rate("sign_in", 0.01, 2))
    async with gateway_rig(rates) as rig:
        statuses = []
        for _ in range(3):
            async with rig.client.post(
                "/api/v1/auth/login", json={"email": "x@example.org", "password": "x"}
            ) as answer:
                statuses.append(answer.status)
        assert statuses == [401, 401, 429]
        assert int(answer.headers["retry-after"]) > 10
        statuses = []
        for number in range(5):
            async with rig.client.get("/api/v1/me", headers={"Authorization": f"Bearer guess{number}"}) as answer:
                statuses.append(answer.status)
        assert statuses == [401, 401, 401, 429, 429]


async def test_one_caller_over_its_limit_does_not_stop_another() -> None:
    rates = GatewayRates(PLENTY.address, Rate("caller", 0.01, 2), PLENTY.failures, PLENTY.sign_in)
    async with gateway_rig(rates) as rig:
        _, fast = await rig.key()
        _, other = await rig.key()
        for expected in (200, 200, 429):
            async with rig.client.get("/v1/models", headers=fast) as answer:
                assert answer.status == expected
        assert answer.headers["ratelimit"].startswith('"caller";r=0')
        async with rig.client.get("/v1/models", headers=other) as answer:
            assert answer.status == 200


async def test_every_route_and_method_is_refused_without_credentials_and_with_the_wrong_scope(rig: Rig) -> None:
    user = await rig.user("ten_a", "viewer")
    powerless = await rig.token(user, frozenset())
    checked = 0
    for route in all_routes(rig.app):
        rules = declared(route)
        if any(isinstance(rule, Open) for rule in rules) or not route.methods:
            continue
        path = (route.path or "").replace("{rest:path}", "x").replace("{user_id}", "u").replace("{key_id}", "k")
        path = re.sub(r"\{[^}]*\}", "x", path)
        scoped = any(getattr(rule, "scopes", ()) for rule in rules)
        for method in route.methods:
            async with rig.client.request(method, path) as answer:
                assert answer.status == 401, (method, path)
            if path == "/api/v1/auth/logout":  # would leave no session to go on with
                continue
            async with rig.client.request(method, path, headers=powerless) as answer:
                assert answer.status == 403 if scoped else answer.status not in (401, 403), (method, path)
            checked += 1
    assert checked > 100


async def test_keys_that_are_not_ours_and_doubled_credentials_are_refused(rig: Rig) -> None:
    _, headers = await rig.key()
    secret = headers["Authorization"].removeprefix("Bearer ")
    swapped = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    for offered in (
        "",
        "va_",
        "va_" + "0" * 39,
        secret + "0",
        secret.upper(),
        swapped,
        secret[:-1],
        "sk-" + secret[3:],
    ):
        async with rig.client.get("/api/v1/me", headers={"Authorization": f"Bearer {offered}"}) as answer:
            assert answer.status == 401, offered
    for value in (secret, f"Basic {secret}", f"Bearer{secret}"):
        async with rig.client.get("/api/v1/me", headers={"Authorization": value}) as answer:
            assert await problem_of(answer) == (401, "bad_authorization")
    doubled = [("Authorization", f"Bearer {secret}"), ("Authorization", f"Bearer {secret}")]
    async with rig.client.get("/api/v1/me", headers=doubled) as answer:
        assert await problem_of(answer) == (401, "two_credentials")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await rig.client.ws_connect("/v1/realtime", headers=headers, protocols=(f"openai-insecure-api-key.{secret}",))
    assert refused.value.status == 401
    async with rig.client.get(f"/api/v1/me?api_key={secret}&access_token={secret}") as answer:
        assert answer.status == 401
