"""The apps of the services on parts that nothing calls, and one bare ASGI call to any of them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

from fastapi import FastAPI
from starlette.routing import WebSocketRoute

from voiceagent.web.auth import OPEN_ROUTES, Authenticator, all_routes

SERVICES = ("engine", "voice", "documents")


def service_app(name: str, auth: Authenticator) -> FastAPI:
    """The app of a service behind `auth`."""
    made = getattr(importlib.import_module(f"voiceagent.{name}.server"), f"create_{name}")(MagicMock(), auth=auth)
    assert isinstance(made, FastAPI)
    return made


def paths_of(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    """(method or WS, a concrete path, the route) of everything that is not open."""
    for route in all_routes(app):
        if route.path in OPEN_ROUTES:
            continue
        path = re.sub(r"\{[^}]*\}", "x", route.path or "")
        if isinstance(route.original_route, WebSocketRoute):
            yield "WS", path, route
        for method in sorted(route.methods or ()):
            yield method, path, route


async def status_of(app: FastAPI, method: str, path: str, headers: dict[str, str]) -> int | str:
    """The status of a call without a body; for a socket that of its handshake, or what came instead of a refusal."""
    sent: list[Any] = []
    socket = method == "WS"
    scope: dict[str, Any] = {
        "type": "websocket" if socket else "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"model=m", "root_path": "", "state": {},
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    if not socket:
        scope["method"] = method
    waiting = (
        [{"type": "websocket.connect"}] if socket else [{"type": "http.request", "body": b"{", "more_body": False}]
    )

    async def receive() -> Any:
        over = {"type": "websocket.disconnect" if socket else "http.disconnect", "code": 1000}
        return waiting.pop(0) if waiting else over

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    first = sent[0]
    return int(first["status"]) if "response.start" in first["type"] else str(first["type"])
