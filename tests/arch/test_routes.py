"""Every route and socket of every app says who may call it, and turns away who says nothing."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.routing import WebSocketRoute

from voiceagent.domain.identity import SCOPES, Principal
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.server import create_gateway
from voiceagent.web.auth import OPEN_ROUTES, Open, Permission, all_routes, check_permissions, declared
from voiceagent.web.jwt import TokenKeys

SERVICES = ("engine", "voice", "documents")


async def nobody(_conn: HTTPConnection) -> Principal | None:
    return None


def gateway_app() -> FastAPI:
    services = {name: ["http://127.0.0.1:9"] for name in SERVICES}
    app = create_gateway(GatewayParts(MagicMock(), MagicMock(), services, TokenKeys.random(), TokenKeys.random()))
    app.state.authenticate = nobody
    return app


def service_app(name: str) -> FastAPI:
    module = f"voiceagent.{name}.server"
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not part of this installation")
    app = getattr(importlib.import_module(module), f"create_{name}")(MagicMock(), auth=nobody)
    assert isinstance(app, FastAPI)
    return app


@pytest.fixture(params=("gateway", *SERVICES))
def app(request: pytest.FixtureRequest) -> FastAPI:
    return gateway_app() if request.param == "gateway" else service_app(request.param)


def test_the_open_routes_are_exactly_these() -> None:
    signing_in = {f"/api/v1/auth/{name}" for name in ("login", "refresh", "password", "oidc/start", "oidc/callback")}
    assert {"/health/live", "/health/ready", "/.well-known/jwks.json"} | signing_in == OPEN_ROUTES


def test_every_route_and_socket_declares_a_known_permission(app: FastAPI) -> None:
    check_permissions(app)
    for route in all_routes(app):
        rules = declared(route)
        assert rules, route.path
        for rule in rules:
            if isinstance(rule, Open):
                assert route.path in OPEN_ROUTES
            else:
                assert isinstance(rule, Permission)
                assert set(rule.scopes) <= set(SCOPES)


def paths_to_try(app: FastAPI) -> Iterator[tuple[str, str]]:
    """(method or WS, a concrete path) of everything that is not open."""
    for route in all_routes(app):
        if route.path in OPEN_ROUTES:
            continue
        path = re.sub(r"\{[^}]*\}", "x", route.path or "")
        if isinstance(route.original_route, WebSocketRoute):
            yield "WS", path
        for method in route.methods or ():
            yield method, path


async def test_who_says_nothing_is_turned_away_everywhere(app: FastAPI) -> None:
    tried = [(method, path, await status_of(app, method, path)) for method, path in paths_to_try(app)]
    assert len(tried) >= 2
    assert [case for case in tried if case[2] != 401] == []


async def status_of(app: FastAPI, method: str, path: str) -> int | str:
    """The status of a bare call; for a socket, of the answer to its handshake (or what came instead)."""
    sent: list[dict[str, Any]] = []
    socket = method == "WS"
    scope: dict[str, Any] = {
        "type": "websocket" if socket else "http",
        "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws" if socket else "http",
        "path": path, "raw_path": path.encode(), "query_string": b"model=m", "root_path": "", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "subprotocols": [], "state": {},
        "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    if not socket:
        scope["method"] = method
    waiting = (
        [{"type": "websocket.connect"}] if socket else [{"type": "http.request", "body": b"{", "more_body": False}]
    )

    async def receive() -> dict[str, Any]:
        return (
            waiting.pop(0)
            if waiting
            else {"type": "websocket.disconnect" if socket else "http.disconnect", "code": 1000}
        )

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    first = sent[0]
    return int(first["status"]) if "response.start" in first["type"] else str(first["type"])
