"""Signing in with another identity provider, and every answer of a provider or a stranger that must not sign anybody in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from joserfc.jwk import RSAKey
from tests.support.bao_provider import EMAIL, BaoProvider, bao_provider
from tests.support.gateway_rig import Rig, gateway_rig, problem_of
from tests.support.oidc_provider import Provider, oidc_provider

from voiceagent.domain.identity import DEFAULT_TENANT_ID, Tenant, User
from voiceagent.gateway.identity.oidc import OidcOptions
from voiceagent.kit.errors import Conflict
from voiceagent.kit.ids import new_id

HOME = "http://localhost:3000/"


BACK = "http://localhost:8080/api/v1/auth/oidc/callback"
AT_HOME = {"Host": "localhost:8080"}


@asynccontextmanager
async def running(role: str = "") -> AsyncIterator[tuple[Rig, Provider]]:
    async with oidc_provider() as provider:
        options = OidcOptions(provider.issuer, provider.client_id, "held", role, BACK, HOME)
        async with gateway_rig(oidc=options) as rig:
            with suppress(Conflict):
                await rig.store.directory.add_tenant(Tenant(DEFAULT_TENANT_ID, "x", datetime.now(UTC)))
            yield rig, provider


async def add_ada(rig: Rig) -> User:
    user = User(new_id("user"), DEFAULT_TENANT_ID, "Ada@example.org", "operator", "", datetime.now(UTC))
    async with rig.store.begin(DEFAULT_TENANT_ID) as work:
        await work.users.add(user)
    return user


async def came_back(rig: Rig, provider: Provider | BaoProvider, **change: Any) -> tuple[aiohttp.ClientResponse, str]:
    """The answer to a browser that comes back, and its session cookie."""
    async with rig.client.get("/api/v1/auth/oidc/start", headers=AT_HOME, allow_redirects=False) as answer:
        assert answer.status == 303
        browser = answer.cookies["va_oidc"].value
        back = provider.approve(answer.headers["location"]) | {k: v for k, v in change.items() if k != "browser"}
    cookies = {"Cookie": f"va_oidc={change.get('browser', browser)}"}
    async with rig.client.get(
        "/api/v1/auth/oidc/callback", params=back, headers=cookies, allow_redirects=False
    ) as answer:
        await answer.read()
    return answer, answer.cookies["va_session"].value if "va_session" in answer.cookies else ""


async def test_a_known_person_comes_in_and_is_known_by_subject_afterwards() -> None:
    async with running() as (rig, provider):
        user = await add_ada(rig)
        answer, cookie = await came_back(rig, provider)
        assert (answer.status, answer.headers["location"]) == (303, HOME)
        async with rig.client.get("/api/v1/me", headers={"Cookie": f"va_session={cookie}"}) as me:
            assert (await me.json())["subject"] == user.user_id
        provider.claims = {"email": "other@example.org", "email_verified": False}
        answer, cookie = await came_back(rig, provider)
        assert answer.status == 303 and cookie
        assert provider.key_fetches == 1


async def test_a_person_of_a_real_provider_comes_in(tmp_path: Path) -> None:
    with bao_provider(tmp_path, BACK) as provider:
        options = OidcOptions(provider.issuer, provider.client_id, provider.client_secret, "viewer", BACK, HOME)
        async with gateway_rig(oidc=options) as rig:
            with suppress(Conflict):
                await rig.store.directory.add_tenant(Tenant(DEFAULT_TENANT_ID, "x", datetime.now(UTC)))
            for _ in range(2):
                answer, cookie = await came_back(rig, provider)
                assert (answer.status, answer.headers["location"]) == (303, HOME), await answer.text()
                async with rig.client.get("/api/v1/me", headers={"Cookie": f"va_session={cookie}"}) as me:
                    subject = (await me.json())["subject"]
            known = await rig.store.directory.user_by_email(EMAIL)
            assert known is not None and known.user_id == subject
            answer, cookie = await came_back(rig, provider, code="made-up")
            assert await problem_of(answer) == (401, "oidc_failed") and not cookie


@pytest.mark.parametrize("ways", [None, ["client_secret_basic"], ["private_key_jwt", "client_secret_post"]])
async def test_the_secret_is_told_in_the_way_that_the_provider_takes(ways: list[str] | None) -> None:
    async with running() as (rig, provider):
        provider.ways_in = ways
        await add_ada(rig)
        answer, cookie = await came_back(rig, provider)
        assert answer.status == 303 and cookie


async def test_an_answer_that_comes_in_pieces_is_read_whole() -> None:
    async with running() as (rig, provider):
        provider.in_pieces = True
        await add_ada(rig)
        answer, cookie = await came_back(rig, provider)
        assert answer.status == 303 and cookie


async def test_a_provider_that_answers_no_json_is_away() -> None:
    async with running() as (rig, provider):
        provider.issuer_told = "\ud800"
        async with rig.client.get("/api/v1/auth/oidc/start", headers=AT_HOME, allow_redirects=False) as answer:
            assert await problem_of(answer) == (503, "oidc_unavailable")


async def test_who_comes_by_another_name_is_sent_to_the_one_that_the_provider_knows_once() -> None:
    async with running() as (rig, _):
        start = "/api/v1/auth/oidc/start"
        async with rig.client.get(start, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["location"]) == (303, f"http://localhost:8080{start}?moved=true")
            assert not answer.cookies
        # Behind a proxy that changes the name: no circle.
        async with rig.client.get(start, params={"moved": "true"}, allow_redirects=False) as answer:
            assert "va_oidc" in answer.cookies


async def test_people_are_brought_back_to_the_dashboard_with_the_code_of_what_failed() -> None:
    person = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with running() as (rig, provider):
        back = {"code": "made-up", "state": "made-up"}
        async with rig.client.get(
            "/api/v1/auth/oidc/callback", params=back, headers=person, allow_redirects=False
        ) as answer:
            assert (answer.status, answer.headers["location"]) == (303, f"{HOME}?failed=oidc_failed")
            assert "va_session" not in answer.cookies
        provider.issuer_told = "https://another.example"
        async with rig.client.get("/api/v1/auth/oidc/start", headers=person | AT_HOME, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["location"]) == (303, f"{HOME}?failed=oidc_issuer")


async def test_strangers_come_in_only_where_a_role_is_given() -> None:
    async with running() as (rig, provider):
        answer, cookie = await came_back(rig, provider)
        assert await problem_of(answer) == (401, "oidc_unknown_person") and not cookie
    async with running("viewer") as (rig, provider):
        answer, cookie = await came_back(rig, provider)
        async with rig.client.get("/api/v1/me", headers={"Cookie": f"va_session={cookie}"}) as me:
            assert "users:read" not in (await me.json())["scopes"] and me.status == 200


async def test_an_unverified_e_mail_links_nobody() -> None:
    async with running() as (rig, provider):
        await add_ada(rig)
        for lie in ({"email_verified": False}, {"email_verified": None}, {"email": None}, {"email_verified": "yes"}):
            provider.claims = lie
            answer, cookie = await came_back(rig, provider)
            assert answer.status == 401 and not cookie, lie


async def test_tokens_that_do_not_hold_are_refused() -> None:
    async with running() as (rig, provider):
        await add_ada(rig)
        now_s = datetime.now(UTC).timestamp()
        lies: list[dict[str, Any]] = [
            {"nonce": "other"}, {"nonce": None}, {"iss": "http://127.0.0.1:1"}, {"iss": None}, {"aud": "another"},
            {"aud": ["another"]}, {"aud": None}, {"azp": "another"}, {"exp": now_s - 60}, {"exp": None}, {"exp": "9"},
            {"iat": now_s + 600}, {"iat": now_s - 5000}, {"iat": None}, {"sub": None}, {"sub": ""}, {"sub": 7},
        ]  # fmt: skip
        for lie in lies:
            provider.claims = lie
            answer, cookie = await came_back(rig, provider)
            assert await problem_of(answer) == (401, "oidc_failed") and not cookie, lie
        provider.claims, provider.signer = {}, RSAKey.generate_key(2048, {"kid": "k1"})
        answer, _ = await came_back(rig, provider)
        assert answer.status == 401, "signed by a stranger"
        provider.signer, provider.headers = None, {"alg": "RS384"}
        answer, _ = await came_back(rig, provider)
        assert answer.status == 401, "an algorithm that was not agreed"


async def test_only_the_browser_that_began_ends_it_and_only_once() -> None:
    async with running() as (rig, provider):
        await add_ada(rig)
        for change in ({"browser": "another"}, {"browser": ""}, {"state": "made-up"}, {"code": "made-up"}, {"code": ""},
                       {"iss": "https://another.example"}):  # fmt: skip
            answer, cookie = await came_back(rig, provider, **change)
            assert answer.status == 401 and not cookie, change
        async with rig.client.get("/api/v1/auth/oidc/start", headers=AT_HOME, allow_redirects=False) as begun:
            back, browser = provider.approve(begun.headers["location"]), begun.cookies["va_oidc"].value

        async def finish() -> int:
            async with rig.client.get(
                "/api/v1/auth/oidc/callback",
                params=back,
                headers={"Cookie": f"va_oidc={browser}"},
                allow_redirects=False,
            ) as answer:
                return answer.status

        assert sorted(await asyncio.gather(*(finish() for _ in range(10)))) == [303] + [401] * 9


async def test_a_provider_that_lies_about_its_name_or_is_away_is_not_asked() -> None:
    async with running() as (rig, provider):
        provider.issuer_told = "https://another.example"
        async with rig.client.get("/api/v1/auth/oidc/start", headers=AT_HOME, allow_redirects=False) as answer:
            assert await problem_of(answer) == (500, "oidc_issuer")
    away = OidcOptions("http://127.0.0.1:9", "c", "", "", BACK, HOME)
    async with gateway_rig(oidc=away) as rig, rig.client.get("/api/v1/auth/oidc/start", headers=AT_HOME) as answer:
        assert await problem_of(answer) == (503, "oidc_unavailable")


async def test_without_a_provider_there_is_nothing() -> None:
    async with gateway_rig() as rig, rig.client.get("/api/v1/auth/oidc/start", allow_redirects=False) as answer:
        assert await problem_of(answer) == (404, "oidc_off")


@pytest.mark.parametrize("url", ["http://provider.example", "ftp://127.0.0.1/"])
async def test_a_provider_is_reached_by_https_alone(url: str) -> None:
    options = OidcOptions(url, "c", "", "", BACK, HOME)
    async with gateway_rig(oidc=options) as rig, rig.client.get("/api/v1/auth/oidc/start", headers=AT_HOME) as answer:
        assert await problem_of(answer) == (500, "oidc_issuer")
