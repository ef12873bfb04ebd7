"""Who calls, and whether they may: every route and socket declares its permission, and the app refuses to start when one does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import lru_cache
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from voiceagent.domain.identity import SCOPES, Principal
from voiceagent.kit.calls.travel import called_by
from voiceagent.kit.errors import Forbidden, Misconfigured, Unauthenticated
from voiceagent.web.context import context_of

OPEN_ROUTES = frozenset(
    {"/health/live", "/health/ready", "/.well-known/jwks.json"}
    | {f"/api/v1/auth/{name}" for name in ("login", "refresh", "password", "oidc/start", "oidc/callback")}
)
"""The whole list of paths that answer without credentials."""


Denied = Callable[[HTTPConnection, Principal, str], Awaitable[None]]
"""Told, as `app.state.denied`, of each caller who lacks a scope, before the refusal is sent. Must not raise."""


class Authenticator(Protocol):
    """Reads credentials from a request or a WebSocket handshake."""

    async def __call__(self, conn: HTTPConnection) -> Principal | None:
        """The caller; None without credentials. Raises Unauthenticated when there are some that do not hold."""
        ...


class Permission:
    """A dependency that lets through only callers who hold every one of `scopes`; without scopes, every known caller."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown:
            raise Misconfigured("unknown_scope", f"There is no scope {unknown[0]}.")
        self.scopes = scopes

    async def __call__(self, conn: HTTPConnection) -> Principal:
        principal = await self._caller(conn)
        missing = [scope for scope in self.scopes if not principal.may(scope)]
        if missing:
            denied: Denied | None = getattr(conn.app.state, "denied", None)
            if denied is not None:
                await denied(conn, principal, missing[0])
            raise Forbidden("missing_scope", f"This call needs the scope {missing[0]}.")
        return principal

    async def _caller(self, conn: HTTPConnection) -> Principal:
        context = context_of(conn)
        if context.principal is None:
            authenticate: Authenticator = conn.app.state.authenticate
            context.principal = await authenticate(conn)
        if context.principal is None:
            raise Unauthenticated("missing_credentials", "This call needs credentials.")
        called_by(context.principal.subject)
        return context.principal


class Open:
    """Declares that a path of OPEN_ROUTES takes callers without credentials."""

    async def __call__(self) -> None:
        return None


anyone = Open()


@lru_cache
def require(*scopes: str) -> Permission:
    """The dependency for a route or WebSocket: `Annotated[Principal, Depends(require("talk"))]`. Refuses before any body is read or socket upgraded."""
    return Permission(scopes)


class Guarded:
    """A plain ASGI app behind a permission, for routes that stream bytes without the framework's help.

    path: its name in logs and metrics.  body_limit_bytes: read by the request edge; None for its default.
    """

    def __init__(self, app: ASGIApp, permission: Permission, *, path: str, body_limit_bytes: int | None = None) -> None:
        self._app = app
        self.permission = permission
        self.path = path
        self.body_limit_bytes = body_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.permission(HTTPConnection(scope))
        await self._app(scope, receive, send)


Declared = Permission | Open


def declared(route: RouteContext) -> list[Declared]:
    """What a route says about who may call it; empty when it says nothing."""
    endpoint: Any = route.endpoint
    if isinstance(endpoint, Guarded):
        return [endpoint.permission]
    dependant = getattr(route, "dependant", None)
    return list(_declared_in(dependant)) if dependant is not None else []


def _declared_in(dependant: Any) -> Iterator[Declared]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, (Permission, Open)):
            yield inner.call
        yield from _declared_in(inner)


def all_routes(app: FastAPI) -> list[RouteContext]:
    """Every route and socket of the app, those of included routers with their full paths."""
    return list(iter_route_contexts(app.routes))


def check_permissions(app: FastAPI) -> None:
    """Refuse an app with a route that does not say who may call it. Raises Misconfigured `route_without_permission`."""
    guards: dict[Callable[..., Any], tuple[Permission, ...]] = {}
    for route in all_routes(app):
        path = route.path or ""
        rules = declared(route)
        opened = [rule for rule in rules if isinstance(rule, Open)]
        if not rules or (opened and path not in OPEN_ROUTES):
            raise Misconfigured("route_without_permission", f"{app.title}: {path} does not declare who may call it.")
        if isinstance(route.original_route, APIRoute) and not hasattr(route.original_route, "reads_strictly"):
            raise Misconfigured("route_not_strict", f"{app.title}: make the router of {path} with web.app.Router.")
        if route.endpoint is not None:
            guards[route.endpoint] = tuple(rule for rule in rules if isinstance(rule, Permission))
    app.state.guards = guards
