"""Keys, people and tokens at the gateway: what is shown, who may do what, how fast a door closes, forged tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
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


# ---- forged tokens


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged_tokens(rig: Rig, user_id: str, session_id: str) -> dict[str, str]:
    """Tokens that must not open anything, by name; each differs from a good one in one thing."""
    private: Any = rig.access_keys.signing.get_op_key("sign")
    public: Any = private.public_key()
    now_s = int(datetime.now(UTC).timestamp())
    kid = rig.access_keys.signing.kid
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": kid}
    claims: dict[str, Any] = {
        "iss": "voiceagent", "aud": "api", "iat": now_s, "exp": now_s + 900, "jti": "j", "sub": user_id,
        "tid": "ten_a", "scp": ["talk"], "knd": "user", "sid": session_id,
    }  # fmt: skip

    def made(head: Any = header, body: Any = claims, key: Any = private) -> str:
        head_raw = head if isinstance(head, bytes) else json.dumps(head).encode()
        body_raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = f"{b64(head_raw)}.{b64(body_raw)}"
        return f"{signed}.{b64(key.sign(signed.encode()))}"

    def hmac_signed(alg: str, secret: bytes) -> str:
        signed = f"{b64(json.dumps(header | {'alg': alg}).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"

    good = made()
    head, body, signature = good.split(".")
    other = Ed25519PrivateKey.generate()
    raw_public = public.public_bytes_raw()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(other.public_key().public_bytes_raw())}
    forged = {"GOOD": good, "other key": made(key=other), "service typ": made(header | {"typ": "va-service+jwt"})}
    for alg in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "PS256",
        "ES256",
        "ES256K",
        "EdDSA",
        "Ed448",
        "ed25519",
        7,
        None,
    ):
        forged[f"alg {alg!r} same signature"] = f"{b64(json.dumps(header | {'alg': alg}).encode())}.{body}.{signature}"
        forged[f"alg {alg!r} signed"] = made(header | {"alg": alg})
        forged[f"alg {alg!r} no signature"] = f"{b64(json.dumps(header | {'alg': alg}).encode())}.{body}."
    for name, secret in (
        ("pem", pem),
        ("der", der),
        ("raw", raw_public),
        ("jwk", json.dumps(jwk).encode()),
        ("empty", b""),
    ):
        for alg in ("HS256", "Ed25519"):
            forged[f"hmac {alg} with public {name}"] = hmac_signed(alg, secret)
    extras: dict[str, Any] = {
        "jwk": jwk, "jku": "http://127.0.0.1/k", "x5u": "http://127.0.0.1/c", "x5c": ["AA=="], "crit": ["exp"],
        "b64": False, "zip": "DEF", "cty": "JWT", "enc": "A256GCM", "x5t": "AA", "nonce": "1",
    }  # fmt: skip
    for name, value in extras.items():
        forged[f"header {name}"] = made(header | {name: value})
        forged[f"header {name} other key"] = made(header | {name: value}, key=other)
    for kid_value in ("", "../../etc/passwd", "0", None, 7, ["x"], {"x": 1}, "' OR 1=1 --", kid + "x", "x" * 4000):
        forged[f"kid {str(kid_value)[:20]!r}"] = made(header | {"kid": kid_value})
        forged[f"kid {str(kid_value)[:20]!r} other"] = made(header | {"kid": kid_value}, key=other)
    for typ in ("JWT", "jwt", "", None, "AT+JWT", "application/at+jwt"):
        forged[f"typ {typ!r}"] = made(header | {"typ": typ})
    for name in ("alg", "typ", "kid"):
        forged[f"header without {name}"] = made({key: value for key, value in header.items() if key != name})
    for name in claims:
        forged[f"without {name}"] = made(body={key: value for key, value in claims.items() if key != name})
        forged[f"{name} null"] = made(body=claims | {name: None})
        forged[f"{name} empty"] = made(body=claims | {name: [] if name == "aud" else ""})
    changes: dict[str, dict[str, Any]] = {
        "expired": {"iat": now_s - 1000, "exp": now_s - 31}, "future": {"iat": now_s + 40, "exp": now_s + 600},
        "too long": {"exp": now_s + 901}, "negative": {"exp": now_s - 900, "iat": now_s}, "float": {"exp": now_s + 1.5},
        "text": {"exp": str(now_s + 9)}, "true": {"exp": True}, "huge": {"exp": 10**30}, "aud list": {"aud": ["api"]},
        "aud engine": {"aud": "engine"}, "iss": {"iss": "evil"}, "scope unknown": {"scp": ["root"]},
        "scope text": {"scp": "talk"}, "kind": {"knd": "service"}, "kind key": {"knd": "key"}, "tenant list": {"tid": ["ten_a"]},
        "other tenant": {"tid": "ten_b"}, "other user": {"sub": "usr_nobody"}, "sub list": {"sub": [user_id]},
    }  # fmt: skip
    for name, change in changes.items():
        forged[f"claims {name}"] = made(body=claims | change)
    for name, raw in {
        "array": b"[]", "text": b'"x"', "number": b"1", "empty": b"", "broken": b"{", "nan": b'{"exp": NaN}',
        "twice": json.dumps(claims).encode()[:-1] + b', "sub": "usr_x"}', "latin": b'{"a": "\xff"}', "deep": b"[" * 2000,
    }.items():  # fmt: skip
        forged[f"payload {name}"] = made(body=raw)
        forged[f"header raw {name}"] = made(raw)
    flipped = base64.urlsafe_b64decode(signature + "==")
    for position in (0, 31, 32, 63):
        broken = bytes(byte ^ (1 if at == position else 0) for at, byte in enumerate(flipped))
        forged[f"signature bit {position}"] = f"{head}.{body}.{b64(broken)}"
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(flipped[32:], "little") + order
    forged["signature malleable"] = f"{head}.{body}.{b64(flipped[:32] + scalar.to_bytes(32, 'little'))}"
    forged["signature zero"] = f"{head}.{body}.{b64(bytes(64))}"
    forged["signature short"] = f"{head}.{body}.{signature[:40]}"
    forged["signature empty"] = f"{head}.{body}."
    forged["signature of another"] = f"{head}.{b64(json.dumps(claims | {'scp': ['keys:write']}).encode())}.{signature}"
    forged["padding"] = good + "="
    forged["other spelling"] = good[:-1] + ("B" if good[-1] == "A" else chr(ord(good[-1]) + 1))
    forged["standard alphabet"] = good.replace("-", "+").replace("_", "/") + "+"
    forged["two parts"] = f"{head}.{body}"
    forged["four parts"] = good + ".x"
    forged["jwe"] = f"{head}....{body}"
    forged["json form"] = json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]})
    forged["too long"] = f"{head}.{'A' * 9000}.{signature}"
    forged["nothing"] = ".."
    return forged


async def test_no_forged_token_opens_a_route_or_a_socket(rig: Rig) -> None:
    user = await rig.user("ten_a", "owner")
    forged = forged_tokens(rig, user.user_id, await rig.session(user))
    async with rig.client.get("/api/v1/me", headers={"Authorization": f"Bearer {forged.pop('GOOD')}"}) as answer:
        assert answer.status == 200, "the pattern itself must be good, or the others prove nothing"
    assert len(forged) >= 160
    accepted = []
    for name, token in forged.items():
        async with rig.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}) as answer:
            if answer.status != 401:
                accepted.append((name, answer.status))
        try:
            await (await rig.client.ws_connect("/v1/realtime", headers={"Authorization": f"Bearer {token}"})).close()
            accepted.append((name, 101))
        except aiohttp.WSServerHandshakeError as refused:
            if refused.status not in (401, 431):
                accepted.append((name, refused.status))
    assert accepted == []


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
