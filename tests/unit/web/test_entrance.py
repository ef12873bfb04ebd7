"""The entrance of the gateway: names under which it is called, proxies in front of it, bodies that are compressed, pages of other origins."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from tests.support.gateway_rig import gateway_rig, problem_of
from tests.support.service_apps import status_of

from voiceagent.adapters.cache.memory import MemoryCache
from voiceagent.gateway.identity.callers import address_of
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.passing.entrance import Doors, Entrance, behind
from voiceagent.gateway.server import create_gateway
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Misconfigured
from voiceagent.web.jwt import TokenKeys

OPEN = "/.well-known/jwks.json"


def gateway(doors: Doors) -> FastAPI:
    keys = TokenKeys.random()
    return create_gateway(GatewayParts(MagicMock(), MemoryCache(SystemClock()), {}, keys, keys, doors=doors))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("voice.example", 200), ("VOICE.example:8443", 200), ("voice.example.", 200), ("a.b.agents.example", 200), ("[::1]:8080", 200),
        ("evil.example", 400), ("agents.example", 400), ("voice.example.evil", 400), ("voice.example@evil", 400),
        ("evil#.agents.example.net", 400), ("", 400), ("127.0.0.1:8080", 400), ("[::2]", 400),
    ],
)  # fmt: skip
async def test_a_gateway_is_called_by_its_names_alone(host: str, status: int) -> None:
    app = gateway(Doors(hosts=("voice.example", "*.agents.example", "[::1]")))
    assert await status_of(app, "GET", OPEN, {"host": host}) == status
    assert await status_of(app, "WS", "/v1/realtime", {"host": host}) == (400 if status == 400 else 401)


async def test_who_asks_for_life_knows_an_address_alone_and_without_a_list_every_name_is_taken() -> None:
    assert await status_of(gateway(Doors(hosts=("voice.example",))), "GET", "/health/live", {"host": "10.0.0.9"}) == 200
    assert await status_of(gateway(Doors()), "GET", OPEN, {"host": "anything"}) == 200


async def told_by(app: Any, scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, MagicMock(), send)
    return sent


async def test_two_names_are_one_too_many() -> None:
    app = Entrance(MagicMock(side_effect=AssertionError))
    scope = {"type": "http", "path": "/v1/models", "headers": [(b"host", b"a"), (b"host", b"b")]}
    assert (await told_by(app, scope))[0]["status"] == 400


@pytest.mark.parametrize(
    ("peer", "forwarded", "proto", "address", "scheme"),
    [
        ("10.1.2.3", [b"198.51.100.7"], b"https", "198.51.100.7", "https"),
        ("10.1.2.3", [b"1.1.1.1, 198.51.100.7"], b"https", "198.51.100.7", "https"),  # what the caller wrote stands on the left
        ("10.1.2.3", [b"1.1.1.1", b"198.51.100.7, 10.9.9.9"], b"https", "198.51.100.7", "https"),
        ("10.1.2.3", [b"2001:db8::7"], b"https", "2001:db8::/64", "https"),
        ("10.1.2.3", [b"2001:db8:0:0:ffff::7"], b"https", "2001:db8::/64", "https"),
        ("10.1.2.3", [], b"gopher", "10.1.2.3", "http"),
        ("203.0.113.5", [b"198.51.100.7"], b"https", "203.0.113.5", "http"),  # a stranger's word
        ("::ffff:203.0.113.5", [b"198.51.100.7"], b"https", "203.0.113.5", "http"),
    ],
)  # fmt: skip
async def test_only_named_proxies_say_who_calls(
    peer: str, forwarded: list[bytes], proto: bytes, address: str, scheme: str
) -> None:
    seen: list[tuple[str, str]] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append((address_of(HTTPConnection(scope)), scope["scheme"]))

    headers = [(b"x-forwarded-for", value) for value in forwarded] + [(b"x-forwarded-proto", proto)]
    scope = {"type": "http", "path": "/", "headers": headers, "client": (peer, 1), "scheme": "http"}
    await told_by(behind(app, ("10.0.0.0/8",)), scope)
    assert seen == [(address, scheme)]


@pytest.mark.parametrize("proxy", ["ingress", "10.0.0.1/8", "*", ""])
def test_a_proxy_that_is_no_address_is_refused_at_start(proxy: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Doors(proxies=(proxy,))
    assert refused.value.code == "bad_proxy"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/agents", "/api/v1/keys", "/api/v1/auth/login"])
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, identity", "x-none"])
async def test_compressed_bodies_are_not_taken(path: str, encoding: str) -> None:
    async with gateway_rig() as rig:
        _, headers = await rig.key()
        headers["Content-Encoding"] = encoding
        async with rig.client.post(path, headers=headers, data=b"\x1f\x8b{}") as answer:
            assert await problem_of(answer) == (415, "encoding_not_taken")


async def test_a_page_of_another_origin_is_refused_as_a_problem() -> None:
    async with gateway_rig() as rig:
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        async with rig.client.options("/api/v1/keys", headers=asked) as answer:
            assert (answer.status, answer.content_type) == (403, "application/problem+json")
            assert "access-control-allow-origin" not in answer.headers and "Origin" in answer.headers["vary"]
        asked["Origin"] = "https://console.example"
        asked["Access-Control-Request-Headers"] = "authorization, idempotency-key"
        async with rig.client.options("/api/v1/keys", headers=asked) as answer:
            assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "https://console.example")
