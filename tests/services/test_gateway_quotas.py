"""Quotas at the gateway: calls by class and organisation, uploaded bytes however they come, seconds in calls, calls at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from tests.support.gateway_rig import MUCH, PLENTY, Rig, gateway_rig, problem_of
from tests.support.patience import ANSWER_S

from voiceagent.gateway.quotas import class_of
from voiceagent.web.limits import Rate

WS = "/v1/realtime?model=m"


async def statuses(rig: Rig, method: str, path: str, headers: dict[str, str], count: int) -> list[int]:
    found = []
    for _ in range(count):
        async with rig.client.request(method, path, headers=headers, json=None if method == "GET" else {}) as answer:
            found.append(answer.status)
    return found


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/v1/chat/completions", "generate"), ("GET", "/v1/realtime", "generate"), ("POST", "/api/v1/search", "search"),
        ("POST", "/v1/files", "upload"), ("GET", "/v1/files/x", "read"), ("DELETE", "/v1/files/x", "write"),
        ("PUT", "/api/v1/agents/x", "write"), ("GET", "/api/v1/keys", "read"),
    ],
)  # fmt: skip
def test_every_call_has_a_class(method: str, path: str, name: str) -> None:
    assert class_of(method, path) == name


async def test_one_class_used_up_leaves_the_others() -> None:
    async with gateway_rig(quotas=replace(MUCH, generate=Rate("generate", 0.01, 2))) as rig:
        _, headers = await rig.key()
        assert await statuses(rig, "POST", "/v1/chat/completions", headers, 3) == [200, 200, 429]
        assert await statuses(rig, "GET", "/v1/models", headers, 2) == [200, 200]
        async with rig.client.post("/v1/chat/completions", headers=headers, json={}) as answer:
            assert answer.headers["ratelimit"].startswith('"generate";r=0') and int(answer.headers["retry-after"]) > 50
            policies = answer.headers["ratelimit-policy"]
        assert all(f'"{name}";q=' in policies for name in ("address", "caller", "tenant", "generate"))


async def test_every_answer_says_what_is_left_of_the_scarcest_budget() -> None:
    async with gateway_rig(quotas=replace(MUCH, read=Rate("read", 0.02, 5), write=Rate("write", 0.5, 3))) as rig:
        _, headers = await rig.key()
        told = []
        for method, path in (*[("GET", "/v1/models")] * 3, ("DELETE", "/v1/files/x"), ("GET", "/v1/models")):
            async with rig.client.request(method, path, headers=headers) as answer:
                told.append(answer.headers["ratelimit"])
        assert told == ['"read";r=4;t=50', '"read";r=3;t=50', '"read";r=2;t=50', '"write";r=2;t=2', '"read";r=1;t=50']


async def test_an_organisation_over_its_limit_does_not_stop_another() -> None:
    async with gateway_rig(quotas=replace(MUCH, tenant=Rate("tenant", 0.01, 3))) as rig:
        (_, one), (_, two), (_, other) = await rig.key(), await rig.key(), await rig.key("ten_b")
        assert await statuses(rig, "GET", "/v1/models", one, 2) == [200, 200]
        assert await statuses(rig, "GET", "/v1/models", two, 2) == [200, 429]
        assert await statuses(rig, "GET", "/v1/models", other, 3) == [200, 200, 200]


async def test_slow_requests_of_one_organisation_leave_room_for_another() -> None:
    async with gateway_rig(quotas=replace(MUCH, at_once_of_tenant=2)) as rig:
        (_, one), (_, other) = await rig.key(), await rig.key("ten_b")
        held = [await rig.client.get("/v1/audio/stream", headers=one) for _ in range(2)]
        drips = pieces(2_000_000)
        async with rig.client.post("/v1/audio/sink", headers=one, data=drips) as answer:
            assert await problem_of(answer) == (429, "too_many_at_once")
            assert int(answer.headers["retry-after"]) >= 1
        assert await statuses(rig, "GET", "/v1/models", other, 2) == [200, 200]
        rig.probe.release.set()
        assert [await answer.read() for answer in held] == [b"first;second;"] * 2
        assert await statuses(rig, "GET", "/v1/models", one, 2) == [200, 200]


async def test_refused_calls_of_one_key_use_up_nothing_of_its_address() -> None:
    rates = replace(PLENTY, address=Rate("address", 0.01, 8))
    async with gateway_rig(rates=rates, quotas=replace(MUCH, tenant=Rate("tenant", 0.01, 2))) as rig:
        (_, noisy), (_, other) = await rig.key(), await rig.key("ten_b")
        assert await statuses(rig, "GET", "/v1/models", noisy, 4) == [200, 200, 429, 429]
        assert await statuses(rig, "GET", "/v1/models", other, 2) == [200, 200]
        assert await statuses(rig, "GET", "/v1/models", {"Authorization": "Bearer va_wrong"}, 3) == [401, 401, 429]


async def pieces(size_bytes: int) -> AsyncIterator[bytes]:
    for start in range(0, size_bytes, 65_536):
        yield b"x" * min(65_536, size_bytes - start)


async def test_uploaded_bytes_count_however_they_come() -> None:
    quotas = replace(MUCH, uploaded_kib=Rate("uploaded_kib", 0.01, 1024))
    async with gateway_rig(quotas=quotas) as rig:
        for announced in (True, False):
            _, headers = await rig.key()
            for size_bytes, status in ((600_000, 200), (600_000, 429), (300_000, 200)):
                body = b"x" * size_bytes if announced else pieces(size_bytes)
                async with rig.client.post("/v1/audio/sink", headers=headers, data=body) as answer:
                    assert answer.status == status or (not announced and status == 200), (announced, size_bytes)
                if not announced:
                    break
        _, headers = await rig.key()
        async with rig.client.post("/v1/audio/sink", headers=headers, data=b"x" * 2_000_000) as answer:
            assert await problem_of(answer) == (413, "over_quota")
        async with rig.client.post("/v1/audio/sink", headers=headers, data=pieces(2_000_000)) as answer:
            assert answer.status == 429


async def test_so_many_calls_at_a_time_and_a_place_is_free_again_after_one() -> None:
    async with gateway_rig(quotas=replace(MUCH, calls_of_caller=2, calls_of_tenant=3)) as rig:
        (_, one), (_, two) = await rig.key(), await rig.key()
        first = await rig.client.ws_connect(WS, headers=one)
        second = await rig.client.ws_connect(WS, headers=one)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await rig.client.ws_connect(WS, headers=one)
        assert refused.value.status == 429
        third = await rig.client.ws_connect(WS, headers=two)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await rig.client.ws_connect(WS, headers=two)
        async with rig.client.get("/api/v1/limits", headers=one) as answer:
            calls = {row["of"]: (row["most"], row["in_use"]) for row in (await answer.json())["calls"]}
        assert calls == {"caller": (2, 2), "organisation": (3, 3)}
        await first.close()
        async with asyncio.timeout(ANSWER_S):
            while (await rig.app.state.gateway.quotas.calls.held("tenant\0ten_a")) > 2:
                await asyncio.sleep(0.01)
        fourth = await rig.client.ws_connect(WS, headers=one)
        for socket in (second, third, fourth):
            await socket.close()


async def test_a_call_ends_when_its_seconds_are_used_up() -> None:
    async with gateway_rig(quotas=replace(MUCH, call_s=Rate("call_s", 0.001, 1))) as rig:
        _, headers = await rig.key()
        async with rig.client.ws_connect(WS, headers=headers) as socket, asyncio.timeout(ANSWER_S):
            async for message in socket:
                last = message.data
            assert socket.close_code == 1013 and "rate_limited" in last


async def test_the_page_of_limits_shows_what_refuses() -> None:
    async with gateway_rig() as rig:
        _, headers = await rig.key()
        async with rig.client.get("/api/v1/limits", headers=headers) as answer:
            rates = {row["name"]: row for row in (await answer.json())["rates"]}
        assert {"address", "caller", "tenant", "generate", "uploaded_kib", "tenant_call_s"} <= rates.keys()
        assert rates["tenant_call_s"]["burst"] == 10 * rates["call_s"]["burst"]
