"""The outermost layer of every server: request id, access log, request metrics, body limit, security headers, the last problem boundary."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import lru_cache
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from voiceagent.kit.calls import trace
from voiceagent.kit.errors import InvalidInput, TooLarge, Unsupported
from voiceagent.kit.log import KnownEvents
from voiceagent.kit.telemetry import counter, histogram
from voiceagent.web.auth import check_permissions
from voiceagent.web.context import RequestContext, scope_context
from voiceagent.web.problems import close_code, problem_of, problem_response

DEFAULT_BODY_BYTES = 1024 * 1024
BODY_WITHIN_S = 30.0
LEAST_BYTES_PER_S = 32 * 1024
"""A body comes within 30 s, and 1 s more for every 32 KiB of it: one that drips ends, a large one does not."""

_log = structlog.get_logger("voiceagent.access")
_access = KnownEvents("voiceagent.access")
_requests = counter("voiceagent_http_requests_total", "Requests answered", ["service", "method", "route", "status"])
_seconds = histogram("voiceagent_http_request_seconds", "Time from request to end of answer", ["service", "route"])
_TRACING = (b"traceparent", b"tracestate")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class SlowBody(InvalidInput):
    """The next piece of a body did not come in time."""

    status = 408


class Edge:
    """Plain ASGI middleware; costs one closure each way."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        await _Exchange(self._service, scope, receive, send).run(self._app)


class _Exchange:
    """One request or socket on its way through."""

    def __init__(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._service = service
        self._scope = scope
        self._receive = receive
        self._send = send
        self._context: RequestContext = scope_context(scope)
        self._status = 0
        self._received_bytes = 0
        self._body_ended = False
        self._waited_s = 0.0
        self._started_s = time.perf_counter()

    async def run(self, app: ASGIApp) -> None:
        structlog.contextvars.bind_contextvars(request_id=self._context.request_id, service=self._service)
        self._join_trace()
        receive = self._limited_receive if self._scope["type"] == "http" else self._receive
        try:
            if not hasattr(self._scope["app"].state, "guards"):  # served without its lifespan
                check_permissions(self._scope["app"])
            await app(self._scope, receive, self._watched_send)
        except (ClientDisconnect, ClientDisconnected, WebSocketDisconnect):
            _log.debug("caller_gone")
        except Exception as error:  # noqa: BLE001 the boundary: nothing of the inside may reach the caller or end the server
            await self._answer(error)
        finally:
            self._report()

    def _join_trace(self) -> None:
        """A trace that a caller began goes on through every service, and its id stands in the log."""
        told = {name: value for name, value in self._scope["headers"] if name in _TRACING}
        joined = trace.read(*(told.get(name, b"").decode("latin-1") for name in _TRACING)) if told else None
        trace.begin(joined)
        if joined is not None:
            structlog.contextvars.bind_contextvars(trace_id=joined.trace_id)

    async def _limited_receive(self) -> Message:
        if self._body_ended:
            return await self._receive()  # the wait for the caller to leave has no bound
        if not self._received_bytes:
            self._check_encoding()
        message = await self._piece_in_time()
        self._body_ended = not message.get("more_body", False)
        if message["type"] == "http.request":
            limit = getattr(self._scope.get("endpoint"), "body_limit_bytes", None) or DEFAULT_BODY_BYTES
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > limit or self._announced_bytes() > limit:
                raise TooLarge(
                    "body_too_large", f"The body is larger than {limit} bytes, which is what this route takes."
                )
        return message

    async def _piece_in_time(self) -> Message:
        """The next piece of the body; only the time spent waiting for the caller counts."""
        began_s = time.perf_counter()
        left_s = BODY_WITHIN_S + self._received_bytes / LEAST_BYTES_PER_S - self._waited_s
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                message = await self._receive()
        except TimeoutError as error:
            raise SlowBody("body_too_slow", "The body came too slowly.") from error
        self._waited_s += time.perf_counter() - began_s
        return message

    def _check_encoding(self) -> None:
        """A compressed body may be a thousand times larger than its limit: none is taken."""
        encodings = [value for name, value in self._scope["headers"] if name == b"content-encoding"]
        if any(value.strip().lower() not in (b"", b"identity") for value in encodings):
            raise Unsupported("encoding_not_taken", "Bodies are taken as they are, not compressed.")

    def _announced_bytes(self) -> int:
        for name, value in self._scope["headers"]:
            if name == b"content-length":
                return int(value) if value.isdigit() and len(value) < 16 else 1 << 62
        return 0

    async def _watched_send(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self._context.response_started = True
            self._status = message["status"]
            self._add_headers(message)
        elif kind == "websocket.accept":
            self._context.accepted = True
            self._status = 101
            self._add_headers(message)
        await self._send(message)

    def _add_headers(self, message: Message) -> None:
        headers = [one for one in message.get("headers", ()) if one[0] != b"x-request-id"]
        given = {name for name, _ in headers}
        headers.append((b"x-request-id", self._context.request_id.encode()))
        for name, value in self._context.headers.items():
            if (raw_name := name.encode()) not in given:
                headers.append((raw_name, value.encode("latin-1")))
        headers += [one for one in _SECURITY_HEADERS if one[0] not in given]
        message["headers"] = headers

    async def _answer(self, error: Exception) -> None:
        problem = problem_of(error)
        _log.error("request_crashed", code=problem.code, error=type(error).__name__, where=_place(error))
        if self._context.accepted:
            await self._send({"type": "websocket.close", "code": close_code(problem), "reason": problem.code})
        elif self._context.response_started:
            return  # the status is out: the server cuts an answer without its end, which is the only honest one
        else:
            response = problem_response(HTTPConnection(self._scope), problem)
            await response(self._scope, self._receive, self._watched_send)

    def _report(self) -> None:
        took_s = time.perf_counter() - self._started_s
        route = self._route()
        method = self._scope.get("method", "WS")
        method = method if method in _METHODS or method == "WS" else "other"
        _counted(self._service, method, route, self._status).inc()
        if self._scope["type"] == "http":
            _timed(self._service, route).observe(took_s)
        joined = trace.current()
        level = logging.DEBUG if route.startswith("/health/") and self._status < 400 else logging.INFO
        _access.write(
            level,
            "request",
            service=self._service,
            request_id=self._context.request_id,
            method=method,
            route=route,
            status=self._status,
            ms=round(took_s * 1000, 2),
            **({"trace_id": joined.trace_id} if joined else {}),
        )

    def _route(self) -> str:
        context: Any = self._scope.get("fastapi", {}).get("effective_route_context")
        route: Any = context or self._scope.get("route") or self._scope.get("endpoint")
        path = getattr(route, "path_format", None) or getattr(route, "path", None)
        return str(path) if path else "unmatched"


@lru_cache(maxsize=4096)
def _counted(service: str, method: str, route: str, status: int) -> Counter:
    return _requests.labels(service, method, route, str(status))


@lru_cache(maxsize=1024)
def _timed(service: str, route: str) -> Histogram:
    return _seconds.labels(service, route)


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace is not None else ""
