"""The table of what goes where: each public path that a service answers, who may call it, and how large its body may be."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import Route

from voiceagent.gateway.link import Links
from voiceagent.gateway.passing.lanes import Lanes
from voiceagent.gateway.proxy import HttpProxy
from voiceagent.gateway.sockets import SocketProxy
from voiceagent.web.auth import Guarded, all_routes, require

_MIB = 1024 * 1024
_READ = ("GET", "HEAD")
_WRITE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A path and everything below it. read, write: the scope for looking and for changing."""

    path: str
    service: str
    read: str
    write: str
    body_bytes: int = 4 * _MIB


FORWARDED = (
    Forwarded("/v1/audio", "voice", "talk", "talk", 30 * _MIB),
    Forwarded("/api/v1/voice", "voice", "talk", "talk", 30 * _MIB),
    Forwarded("/v1/chat/completions", "engine", "talk", "talk"),
    Forwarded("/v1/models", "engine", "talk", "talk"),
    Forwarded("/v1/embeddings", "engine", "talk", "talk"),
    Forwarded("/api/v1/conversations", "engine", "conversations:read", "conversations:write"),
    Forwarded("/api/v1/agents", "engine", "agents:read", "agents:write"),
    Forwarded("/api/v1/providers", "engine", "settings:read", "settings:write"),
    Forwarded("/api/v1/usage", "engine", "metrics:read", "settings:write"),
    Forwarded("/v1/files", "documents", "documents:read", "documents:write", 110 * _MIB),
    Forwarded("/v1/vector_stores", "documents", "documents:read", "documents:write"),
    Forwarded("/api/v1/documents", "documents", "documents:read", "documents:write", 110 * _MIB),
    Forwarded("/api/v1/collections", "documents", "documents:read", "documents:write"),
    Forwarded("/api/v1/administration", "documents", "users:write", "users:write"),
    Forwarded("/api/v1/search", "documents", "documents:read", "documents:read"),
    Forwarded("/api/v1/privacy/reveal", "documents", "pii:reveal", "pii:reveal"),
    Forwarded("/api/v1/privacy", "documents", "privacy:write", "privacy:write"),
    Forwarded("/api/v1/ask", "engine", "documents:read", "documents:read"),
)
SOCKETS = (("/v1/realtime", "voice", "talk"),)


def add_proxied(app: FastAPI, links: Links) -> None:
    """Add the routes of the table to `app`, and the lanes that lead to them."""
    before, own = len(app.router.routes), [route.path or "" for route in all_routes(app)]
    for row in FORWARDED:
        proxy = HttpProxy(links, row.service, row.path)
        for scope, methods in ((row.read, _READ), (row.write, _WRITE)):
            endpoint = Guarded(proxy, require(scope), path=row.path, body_limit_bytes=row.body_bytes)
            for path in (row.path, row.path + "/{rest:path}"):
                app.router.add_route(path, endpoint, methods=list(methods), include_in_schema=False)  # type: ignore[arg-type]
    routes = [route for route in app.router.routes[before:] if isinstance(route, Route)]
    app.user_middleware.append(Middleware(Lanes, routes=routes, own=own))
    for path, service, scope in SOCKETS:
        socket = Guarded(SocketProxy(links, service), require(scope), path=path)
        app.router.add_websocket_route(path, socket)  # type: ignore[arg-type]
