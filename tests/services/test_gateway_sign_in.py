"""Signing in as people do: cookies and their CSRF token, tickets, authenticator apps, invitations, resets, own roles, keys that rotate, guessing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from argon2 import PasswordHasher
from tests.support.gateway_rig import ORIGINS, PLENTY, Rig, gateway_rig, problem_of
from tests.support.patience import ANSWER_S

from voiceagent.domain.identity import email_key
from voiceagent.gateway.identity import totp
from voiceagent.web.limits import Rate

PASSWORD = "kangaroo under my piano"
OTHER = "wet otters sing low"
WS = "/v1/realtime?model=m"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with gateway_rig() as made:
        yield made


class Standing:
    """A clock that stands: no code grows old while a machine is slow."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        return self.at


class Person:
    """Somebody with an e-mail and a password; `post` and the like call the gateway without any credential."""

    def __init__(self, rig: Rig, email: str, user_id: str) -> None:
        self.rig, self.email, self.user_id = rig, email, user_id

    async def login(self, password: str = PASSWORD, *, cookie: str = "", **more: Any) -> aiohttp.ClientResponse:
        body = {"email": self.email, "password": password, **more}
        async with self.rig.client.post("/api/v1/auth/login", json=body, headers={"Cookie": cookie}) as answer:
            await answer.read()
        return answer

    async def bearer(self, **more: Any) -> dict[str, str]:
        answer = await self.login(**more)
        assert answer.status == 200, await answer.text()
        return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}


async def person(rig: Rig, role: str = "operator") -> Person:
    _, owner = await rig.key()
    email = f"{role}{time.monotonic_ns()}@example.org"
    new = {"email": email, "password": PASSWORD, "role": role}
    async with rig.client.post("/api/v1/users", headers=owner, json=new) as answer:
        assert answer.status == 201, await answer.text()
        return Person(rig, email, (await answer.json())["user_id"])


async def call(rig: Rig, method: str, path: str, headers: dict[str, str], **more: Any) -> tuple[int, Any]:
    async with rig.client.request(method, path, headers=headers, **more) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


# ---- cookies


async def test_a_browsers_session_lies_in_a_cookie_that_scripts_cannot_read(rig: Rig) -> None:
    someone = await person(rig)
    assert "va_session" not in (await someone.login()).cookies, "only where it is wanted"
    async with rig.client.post(
        "/api/v1/auth/login", json={"email": someone.email, "password": PASSWORD, "cookie": True}
    ) as answer:
        body, morsel = await answer.json(), answer.cookies["va_session"]
    assert morsel["httponly"] and morsel["samesite"].lower() == "strict" and morsel["path"] == "/"
    assert body["access_token"] is None and body["refresh_token"] is None and morsel.value not in str(body)
    cookies = {"Cookie": f"va_session={morsel.value}"}
    assert (await call(rig, "GET", "/api/v1/me", cookies))[1]["subject"] == someone.user_id
    listed = (await call(rig, "GET", "/api/v1/me/sessions", cookies))[1]["items"]
    assert [one["current"] for one in listed] == [True, False], "the other one came by token"
    assert (await call(rig, "GET", "/api/v1/auth/session", cookies))[1]["csrf_token"] == body["csrf_token"]
    for headers in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": body["csrf_token"][:-1] + "x"}):
        status, problem = await call(rig, "POST", "/v1/chat/completions", cookies | headers, json={})
        assert (status, problem["error"]["code"]) == (403, "csrf_failed")
    right = cookies | {"X-CSRF-Token": body["csrf_token"]}
    status, seen = await call(rig, "POST", "/v1/chat/completions", right, json={})
    assert status == 200 and morsel.value not in str(seen["headers"]), "no service sees the cookie"
    assert (await call(rig, "POST", "/api/v1/auth/logout", right))[0] == 204
    assert (await call(rig, "GET", "/api/v1/me", cookies))[1]["code"] == "session_over"


async def test_a_cookie_opens_sockets_for_our_pages_alone(rig: Rig) -> None:
    someone = await person(rig)
    async with rig.client.post(
        "/api/v1/auth/login", json={"email": someone.email, "password": PASSWORD, "cookie": True}
    ) as answer:
        cookie = {"Cookie": f"va_session={answer.cookies['va_session'].value}"}
    async with rig.client.ws_connect(WS, headers=cookie | {"Origin": ORIGINS[0]}) as socket:
        await socket.receive_json()
    for headers in (cookie, cookie | {"Origin": "https://evil.example"}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await rig.client.ws_connect(WS, headers=headers)
        assert refused.value.status == 403


# ---- tickets


async def ticket(rig: Rig, headers: dict[str, str], agent_id: str = "") -> str:
    status, body = await call(rig, "POST", "/api/v1/voice/tickets", headers, json={"agent_id": agent_id})
    assert status == 201 and body["expires_in"] <= 60
    return str(body["ticket"])


async def opened(rig: Rig, query: str) -> int | str:
    """The query that the service saw, or the status of the refusal."""
    try:
        async with rig.client.ws_connect(f"/v1/realtime?{query}") as socket:
            return str((await socket.receive_json())["query"])
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status


async def test_a_ticket_opens_one_socket_once_and_goes_no_further(rig: Rig) -> None:
    _, headers = await rig.key()
    secret = await ticket(rig, headers)
    answers = await asyncio.gather(*(opened(rig, f"model=m&ticket={secret}") for _ in range(20)))
    assert sorted(map(str, answers)) == ["401"] * 19 + ["model=m"]
    assert await opened(rig, f"ticket={secret}") == 401
    assert (await call(rig, "GET", f"/api/v1/me?ticket={await ticket(rig, headers)}", {}))[0] == 401, "sockets alone"
    secret = await ticket(rig, headers)
    assert await opened(rig, f"ticket={secret}&ticket={secret}") == 401
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await rig.client.ws_connect(f"/v1/realtime?ticket={await ticket(rig, headers)}", headers=headers)


async def test_a_ticket_is_bound_to_its_agent(rig: Rig) -> None:
    _, headers = await rig.key()
    assert await opened(rig, f"ticket={await ticket(rig, headers, 'agent_1')}") == "agent_id=agent_1"
    same = await opened(rig, f"agent_id=agent_1&ticket={await ticket(rig, headers, 'agent_1')}")
    assert same == "agent_id=agent_1"
    for query in ("agent_id=agent_2", "agent_id=agent_1&agent_id=agent_2", "agent_id="):
        assert await opened(rig, f"{query}&ticket={await ticket(rig, headers, 'agent_1')}") == 403


async def test_a_ticket_holds_no_longer_than_the_key_and_gives_no_more(rig: Rig) -> None:
    key, headers = await rig.key()
    secret = await ticket(rig, headers)
    async with rig.client.ws_connect(f"/v1/realtime?ticket={await ticket(rig, headers)}") as socket:
        await socket.receive_json()
        async with rig.store.begin("ten_a") as work:
            await work.keys.revoke(key.key_id, datetime.now(UTC))
        async with asyncio.timeout(ANSWER_S):
            async for _ in socket:
                pass
        assert socket.close_code == 4401
    assert await opened(rig, f"ticket={secret}") == 401
    _, analyst = await rig.key(role="analyst")
    assert (await call(rig, "POST", "/api/v1/voice/tickets", analyst, json={}))[0] == 403


# ---- authenticator apps


async def test_an_authenticator_app_is_asked_for_and_no_code_works_twice(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = await person(rig)
    headers = await someone.bearer()
    _, enrolled = await call(rig, "POST", "/api/v1/me/totp", headers)
    assert "otpauth://totp/" in enrolled["uri"]
    assert (await someone.login()).status == 200, "not in force before it is confirmed"
    assert (await call(rig, "GET", "/api/v1/me", headers))[1]["totp"] is False
    assert (await call(rig, "POST", "/api/v1/me/totp/confirm", headers, json={"code": "000000"}))[0] == 400

    standing = Standing()
    rig.app.state.gateway.second_factors._clock = standing

    def code(ahead: int) -> str:
        return totp.code_at(enrolled["secret"], int(standing.at.timestamp()) // totp.STEP_S + ahead)

    status, body = await call(rig, "POST", "/api/v1/me/totp/confirm", headers, json={"code": code(-1)})
    assert status == 200 and len(set(body["recovery_codes"])) == 10
    assert (await call(rig, "GET", "/api/v1/me", headers))[1]["totp"] is True
    assert await problem_of(await someone.login()) == (401, "second_factor_needed")
    refused = await someone.login(code="123456")
    assert await problem_of(refused) == (401, "second_factor_wrong")
    assert "not the code" in (await refused.json())["detail"], "who gave one is not told to give one"
    assert await problem_of(await someone.login("x" * 20, code=code(0))) == (401, "bad_sign_in"), "no oracle"
    now = code(0)
    answers = await asyncio.gather(*(someone.login(code=now) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]
    for expected in (200, 401):
        assert (await someone.login(code=body["recovery_codes"][0].upper())).status == expected
    assert (await call(rig, "POST", "/api/v1/me/totp", headers))[1]["code"] == "second_factor_exists"
    proof = {"password": PASSWORD, "code": body["recovery_codes"][1]}
    assert (await call(rig, "POST", "/api/v1/me/totp/remove", headers, json=proof | {"password": OTHER}))[0] == 401
    assert (await call(rig, "POST", "/api/v1/me/totp/remove", headers, json=proof))[0] == 204
    assert (await call(rig, "GET", "/api/v1/me", headers))[1]["totp"] is False
    assert (await someone.login()).status == 200


async def test_people_learn_who_they_are_and_a_key_says_nothing_of_its_owner(rig: Rig) -> None:
    someone = await person(rig)
    _, mine = await call(rig, "GET", "/api/v1/me", await someone.bearer())
    assert (mine["subject"], mine["kind"], mine["email"]) == (someone.user_id, "user", someone.email)
    _, owned = await rig.key(user_id=someone.user_id)
    _, nobodys = await rig.key()
    for key in (owned, nobodys):
        _, shown = await call(rig, "GET", "/api/v1/me", key)
        assert shown["kind"] == "key" and not {"email", "totp"} & set(shown)


# ---- invitations, resets, passwords


async def test_an_invited_person_sets_a_password_once(rig: Rig) -> None:
    _, owner = await rig.key()
    new = {"email": "guest@example.org", "role": "analyst"}
    status, invitation = await call(rig, "POST", "/api/v1/users/invitations", owner, json=new)
    assert status == 201
    guest = Person(rig, new["email"], invitation["user_id"])
    assert (await guest.login("")).status == 401 and (await guest.login()).status == 401
    wanted = {"token": invitation["token"], "password": PASSWORD}
    weak = wanted | {"password": "passwordpassword"}
    assert (await call(rig, "POST", "/api/v1/auth/password", {}, json=weak))[1]["code"] == "common_password"
    statuses = [await call(rig, "POST", "/api/v1/auth/password", {}, json=wanted) for _ in range(2)]
    assert [status for status, _ in statuses] == [204, 401]
    assert (await guest.login()).status == 200
    for token in ("", "vi_x", invitation["token"][:-1]):
        assert (await call(rig, "POST", "/api/v1/auth/password", {}, json=wanted | {"token": token}))[0] == 401


async def test_a_reset_ends_the_old_password_and_every_session(rig: Rig) -> None:
    someone = await person(rig)
    headers = await someone.bearer()
    _, owner = await rig.key()
    _, admin_b = await rig.key("ten_b")
    path = f"/api/v1/users/{someone.user_id}/reset"
    assert (await call(rig, "POST", path, admin_b, json={}))[0] == 404
    _, reset = await call(rig, "POST", path, owner, json={})
    assert (await call(rig, "GET", "/api/v1/me", headers))[0] == 401
    assert (await someone.login()).status == 401
    body = {"token": reset["token"], "password": OTHER}
    assert (await call(rig, "POST", "/api/v1/auth/password", {}, json=body))[0] == 204
    assert (await someone.login(OTHER)).status == 200


async def test_people_change_their_own_password_by_the_old_one(rig: Rig) -> None:
    someone = await person(rig)
    headers = await someone.bearer()
    change = {"current": OTHER, "password": OTHER}
    assert (await call(rig, "POST", "/api/v1/me/password", headers, json=change))[0] == 401
    change["current"] = PASSWORD
    assert (await call(rig, "POST", "/api/v1/me/password", headers, json=change))[0] == 204
    assert (await call(rig, "GET", "/api/v1/me", headers))[0] == 401
    assert (await someone.login(OTHER)).status == 200
    _, key = await rig.key(user_id=someone.user_id)
    assert (await call(rig, "POST", "/api/v1/me/password", key, json=change))[1]["code"] == "not_signed_in"


async def test_people_see_and_end_their_sessions_and_no_others(rig: Rig) -> None:
    someone, another = await person(rig), await person(rig)
    first, second, other = await someone.bearer(), await someone.bearer(), await another.bearer()
    _, mine = await call(rig, "GET", "/api/v1/me/sessions", second)
    _, theirs = await call(rig, "GET", "/api/v1/me/sessions", other)
    assert (len(mine["items"]), len(theirs["items"])) == (2, 1)
    assert [one["current"] for one in mine["items"]] == [True, False], "newest first, and the newest asks"
    _, seen = await call(rig, "GET", "/api/v1/me/sessions", first)
    assert [one["current"] for one in seen["items"]] == [False, True]
    path = "/api/v1/me/sessions/"
    assert (await call(rig, "DELETE", path + theirs["items"][0]["session_id"], second))[0] == 404
    assert (await call(rig, "DELETE", path + mine["items"][1]["session_id"], second))[0] == 204
    assert [(await call(rig, "GET", "/api/v1/me", one))[0] for one in (first, second, other)] == [401, 200, 200]


async def test_a_hash_of_older_parameters_is_made_anew_at_sign_in(rig: Rig) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    user = await rig.user("ten_a", "viewer", old)
    assert (await Person(rig, user.email, user.user_id).login()).status == 200
    async with rig.store.begin("ten_a") as work:
        renewed = (await work.users.get(user.user_id)).password_hash
    assert renewed.startswith("$argon2id$") and "m=8192" not in renewed
    memory_kib = int(renewed.split("m=")[1].split(",")[0])
    assert memory_kib >= 19 * 1024 and int(renewed.split("t=")[1].split(",")[0]) >= 2
    assert (await Person(rig, user.email, user.user_id).login()).status == 200


# ---- roles


async def test_a_role_of_ones_own_gives_exactly_its_scopes_and_changes_at_once(rig: Rig) -> None:
    _, owner = await rig.key()
    body = {"scopes": ["talk", "documents:read"]}
    assert (await call(rig, "PUT", "/api/v1/roles/caller", owner, json=body))[0] == 200
    someone = await person(rig, "caller")
    headers = await someone.bearer()
    assert (await call(rig, "GET", "/api/v1/me", headers))[1]["scopes"] == ["documents:read", "talk"]
    await call(rig, "PUT", "/api/v1/roles/caller", owner, json={"scopes": ["talk"]})
    assert (await call(rig, "GET", "/api/v1/me", headers))[1]["scopes"] == ["talk"]
    _, problem = await call(rig, "DELETE", "/api/v1/roles/caller", owner)
    assert problem["code"] == "role_in_use"
    _, other = await rig.key("ten_b")
    assert "caller" not in str(await call(rig, "GET", "/api/v1/roles", other))
    assert (await call(rig, "DELETE", "/api/v1/roles/caller", other))[0] == 404
    for name in ("owner", "viewer"):
        assert (await call(rig, "PUT", f"/api/v1/roles/{name}", owner, json=body))[0] == 409
    assert (await call(rig, "PUT", "/api/v1/roles/x", owner, json={"scopes": ["root"]}))[1]["code"] == "unknown_scope"
    new = {"email": "x@example.org", "password": PASSWORD, "role": "ghost"}
    assert (await call(rig, "POST", "/api/v1/users", owner, json=new))[1]["code"] == "unknown_role"


async def test_nobody_makes_or_changes_a_role_above_their_own(rig: Rig) -> None:
    _, owner = await rig.key()
    _, admin = await rig.key(role="admin")
    high = {"scopes": ["settings:write"]}
    assert (await call(rig, "PUT", "/api/v1/roles/high", admin, json=high))[1]["code"] == "role_too_high"
    assert (await call(rig, "PUT", "/api/v1/roles/high", owner, json=high))[0] == 200
    assert (await call(rig, "PUT", "/api/v1/roles/high", admin, json={"scopes": ["talk"]}))[0] == 403
    someone = await person(rig, "viewer")
    change = {"role": "high"}
    assert (await call(rig, "PATCH", f"/api/v1/users/{someone.user_id}", admin, json=change))[0] == 403


# ---- keys


async def test_a_key_rotates_with_an_overlap_and_keeps_no_more_rights(rig: Rig) -> None:
    key, old = await rig.key(role="operator")
    _, owner = await rig.key()
    _, viewer_like = await rig.key("ten_b")
    path = f"/api/v1/keys/{key.key_id}/rotate"
    assert (await call(rig, "POST", path, viewer_like, json={}))[0] == 404
    status, made = await call(rig, "POST", path, owner, json={"overlap_hours": 1})
    assert status == 201 and set(made["scopes"]) == set(key.scopes)
    new = {"Authorization": f"Bearer {made['secret']}"}
    assert [(await call(rig, "GET", "/api/v1/me", one))[0] for one in (old, new)] == [200, 200]
    assert (await call(rig, "POST", path, owner, json={"overlap_hours": 0}))[0] == 201
    assert [(await call(rig, "GET", "/api/v1/me", one))[0] for one in (old, new)] == [401, 200]


# ---- guessing


async def test_guessing_one_account_slows_down_and_a_known_device_still_gets_in() -> None:
    tiers = (Rate("account", 0.001, 5),)
    async with gateway_rig(replace(PLENTY, account=tiers)) as rig:
        someone = await person(rig)
        device = (await someone.login()).cookies["va_device"].value
        statuses = [(await someone.login("wrong wrong wrong")).status for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        assert (await someone.login()).status == 429, "strangers locked everybody else out"
        assert (await someone.login(cookie=f"va_device={device}")).status == 200
        another = await person(rig)
        assert (await another.login(cookie=f"va_device={device}")).status == 200
        assert (await someone.login(cookie=f"va_device={device[:-4]}AAAA")).status == 429
        unknown = Person(rig, "nobody@example.org", "")
        assert [(await unknown.login()).status for _ in range(7)] == [401] * 5 + [429] * 2


async def test_a_success_forgives_the_tries_before_it() -> None:
    async with gateway_rig(replace(PLENTY, account=(Rate("account", 0.001, 3),))) as rig:
        someone = await person(rig)
        for _ in range(4):
            assert (await someone.login("wrong wrong wrong")).status == 401
            assert (await someone.login("wrong wrong wrong")).status == 401
            assert (await someone.login()).status == 200


async def test_failed_sign_ins_leave_a_row_and_other_spellings_are_the_same_account(rig: Rig) -> None:
    someone = await person(rig)
    await someone.login("wrong wrong wrong")
    async with rig.store.begin("ten_a") as work:
        entry = (await work.audit.page(before_id=None, limit=1))[0]
    assert (entry.action, entry.object_id) == ("sign_in_failed", someone.user_id)
    assert "wrong" not in str(entry)
    assert email_key(" Ada@EXAMPLE.org ") == email_key("ada@example.org") == email_key("ａda@example.org")


async def test_an_unknown_account_costs_the_same_work(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    someone = await person(rig)
    passwords = rig.app.state.gateway.passwords
    verified: list[str] = []
    verify = passwords._verify
    monkeypatch.setattr(passwords, "_verify", lambda *args: verified.append(args[0]) or verify(*args))
    bodies = []
    for email in (someone.email, "nobody@example.org"):
        answer = await Person(rig, email, "").login("wrong wrong wrong")
        bodies.append({key: value for key, value in (await answer.json()).items() if key != "request_id"})
    assert bodies[0] == bodies[1]
    assert len(verified) == 2 and len({one.split("$")[3] for one in verified}) == 1, "one hash each, of one cost"


async def test_the_public_keys_are_shown_and_nothing_private(rig: Rig) -> None:
    _, shown = await call(rig, "GET", "/.well-known/jwks.json", {})
    assert [key["kid"] for key in shown["keys"]] == [rig.access_keys.signing.kid]
    assert all("d" not in key for key in shown["keys"])
