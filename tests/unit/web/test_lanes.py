"""Lanes: a forwarded call reaches its endpoint past the framework's routes, and everything else is answered as without them."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from unittest.mock import MagicMock

import pytest
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.passing.lanes import Lanes
from voiceagent.gateway.server import create_gateway
from voiceagent.kit.errors import Forbidden
from voiceagent.web.jwt import TokenKeys

OWN = ("/v1/files/tickets", "/api/v1/agents/{name}/badge", "/api/v1/keys")


class Endpoint:
    """Answers with its name, or refuses."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/forbidden"):
            raise Forbidden("missing_scope", "no")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-lane", self.name.encode())]})
        await send({"type": "http.response.body", "body": b""})


def lanes() -> Lanes:
    routes = [
        Route(path + rest, Endpoint(f"{path}:{methods[0]}{rest}"), methods=methods)
        for path in ("/v1/files", "/v1/files/special", "/api/v1/agents")
        for methods in (["GET", "HEAD"], ["POST"])
        for rest in ("", "/{rest:path}")
    ]
    return Lanes(Endpoint("framework"), routes, own=OWN)


async def reached(path: str, method: str = "GET", kind: str = "http") -> tuple[int, str]:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    scope: dict[str, Any] = {"type": kind, "path": path, "method": method, "headers": []}
    await lanes()(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]).get(b"x-lane", b"").decode()


@pytest.mark.parametrize(
    ("method", "path", "endpoint"),
    [
        ("GET", "/v1/files", "/v1/files:GET"),
        ("HEAD", "/v1/files", "/v1/files:GET"),
        ("POST", "/v1/files", "/v1/files:POST"),
        ("GET", "/v1/files/a/b", "/v1/files:GET/{rest:path}"),
        ("GET", "/v1/files/", "/v1/files:GET/{rest:path}"),
        ("GET", "/v1/files/special/a", "/v1/files/special:GET/{rest:path}"),
        ("GET", "/v1/files/specials", "/v1/files:GET/{rest:path}"),
        ("DELETE", "/v1/files", "framework"),
        ("GET", "/v1/filesystem", "framework"),
        ("GET", "/x/v1/files", "framework"),
        ("GET", "/v1/files/a\nb", "framework"),
        ("GET", "/V1/files", "framework"),
        ("GET", "/api/v1/agentsx/files", "framework"),
        ("GET", "/v1/files/tickets", "framework"),
        ("GET", "/v1/files/ticket", "/v1/files:GET/{rest:path}"),
        ("GET", "/api/v1/agents/one/badge", "framework"),
        ("GET", "/api/v1/agents", "/api/v1/agents:GET"),
        ("GET", "/api/v1/keys", "framework"),
    ],
)
async def test_a_call_goes_where_the_routes_would_send_it(method: str, path: str, endpoint: str) -> None:
    assert await reached(path, method) == (200, endpoint)


async def test_a_socket_is_the_frameworks_business() -> None:
    assert await reached("/v1/files", kind="websocket") == (200, "framework")


async def test_a_refusal_becomes_its_answer() -> None:
    assert (await reached("/v1/files/forbidden"))[0] == 403


def test_what_the_gateway_answers_itself_below_a_forwarded_path_is_kept_out_of_the_lanes() -> None:
    services: dict[str, list[str]] = {"voice": [], "engine": [], "documents": []}
    app = create_gateway(GatewayParts(MagicMock(), MagicMock(), services, TokenKeys.random(), TokenKeys.random()))
    (made,) = (dict(one.kwargs) for one in app.user_middleware if getattr(one, "cls", None) is Lanes)
    own: Any = made["own"]
    assert "/api/v1/voice/tickets" in own
