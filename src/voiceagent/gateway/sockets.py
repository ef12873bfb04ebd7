"""Passes WebSocket messages between a caller and a service, both ways, unread. Slow readers slow the writer; memory stays bounded."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import aiohttp
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from voiceagent.gateway.identity.callers import address_of
from voiceagent.gateway.identity.renewal import renewing
from voiceagent.gateway.link import Links, target
from voiceagent.gateway.parts import gateway_of
from voiceagent.gateway.passing.watch import farewell, rights_end
from voiceagent.kit.calls.balance import Upstream, Upstreams
from voiceagent.kit.calls.upkeep import while_alive
from voiceagent.kit.errors import DeadlineExceeded, Problem, Unavailable
from voiceagent.web.problems import CODE_HEADER, HttpProblem

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
HANDSHAKE_WITHIN_S = 10.0
_CLOSE_WITHIN_S = 2.0
_HEARTBEAT_S = 20.0
_KEY_SUBPROTOCOL = "openai-insecure-api-key."
_TRY_AGAIN = 1013
_REFUSED = "The service refused this connection."
_NOT_FOR_CALLERS = (401, 500)
"""The gateway's own credentials failed, or the service did."""
_CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")
_TEXT, _BINARY, _CLOSE = aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.CLOSE

Upper = aiohttp.ClientWebSocketResponse


class SocketProxy:
    """The ASGI app of every WebSocket that a service answers. The caller is upgraded only after the service was."""

    def __init__(self, links: Links, service: str) -> None:
        self._links = links
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        conn = HTTPConnection(scope)
        upstreams = self._links.to(self._service)
        await receive()  # websocket.connect
        async with AsyncExitStack() as held:
            await held.enter_async_context(gateway_of(conn).quotas.call(conn, address_of(conn)))
            held.enter_context(self._links.sockets.one())
            leases = held.enter_context(ExitStack())
            upstream, upper = await self._connected(upstreams, conn, leases)
            try:
                await send({"type": "websocket.accept", "subprotocol": upper.protocol})
                down = while_alive(upstreams, upstream, _service_to_caller(upper, send), begun=True)
                told = renewing(conn, receive, send, gateway_of(conn).identities)
                await _pump(conn, _caller_to_service(upper, told), down, send)
            finally:
                await _closed(upper, 1001)

    async def _connected(self, upstreams: Upstreams, conn: HTTPConnection, leases: ExitStack) -> tuple[Upstream, Upper]:
        """A socket at the best address, or at the next one when that takes no more. Where it is it stays."""
        upstream = leases.enter_context(upstreams.lease())
        try:
            return upstream, await self._connect(upstreams, upstream, conn)
        except Unavailable as refused:
            leases.close()
            try:
                other = leases.enter_context(upstreams.lease(but=upstream))
            except Unavailable:  # there is no other: what the only one said is the answer
                raise refused from None
            if not upstreams.may_retry():
                raise
            return other, await self._connect(upstreams, other, conn)

    async def _connect(self, upstreams: Upstreams, upstream: Upstream, conn: HTTPConnection) -> Upper:
        try:
            async with asyncio.timeout(HANDSHAKE_WITHIN_S):
                return await while_alive(upstreams, upstream, self._shaken(upstream, conn))
        except aiohttp.WSServerHandshakeError as error:
            raise _refusal(upstreams, error) from error
        except TimeoutError as error:
            raise DeadlineExceeded("service_deadline", f"The {self._service} service took too long.") from error
        except (aiohttp.ClientError, OSError) as error:
            upstreams.failed(upstream)
            raise upstreams.unavailable() from error

    async def _shaken(self, upstream: Upstream, conn: HTTPConnection) -> Upper:
        return await self._links.client.ws_connect(
            str(target(upstream, conn)),
            headers=self._links.headers(conn, self._service),
            protocols=[name for name in conn.scope["subprotocols"] if not name.startswith(_KEY_SUBPROTOCOL)],
            max_msg_size=MAX_MESSAGE_BYTES,
            compress=0,
            autoping=True,
            heartbeat=_HEARTBEAT_S,
            autoclose=False,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_WITHIN_S),
        )


def _refusal(upstreams: Upstreams, error: aiohttp.WSServerHandshakeError) -> Problem:
    """What the service said: a full server, a wrong parameter. Another address is asked only for what may pass."""
    told: Mapping[str, str] = error.headers or {}
    code, later = told.get(CODE_HEADER, ""), told.get("Retry-After", "")
    if not _CODE.fullmatch(code) or error.status in _NOT_FOR_CALLERS:
        return upstreams.unavailable()
    if error.status == Unavailable.status:
        return Unavailable(code, _REFUSED, retry_after_s=float(later) if later.isdigit() else None)
    return HttpProblem(error.status, code, _REFUSED)


async def _pump(
    conn: HTTPConnection, up: Coroutine[Any, Any, object], down: Coroutine[Any, Any, None], send: Send
) -> None:
    """Both directions until one side ends, or the caller's rights do. Each message is passed before the next one of its direction is read."""
    tasks: tuple[asyncio.Future[object], ...] = tuple(map(asyncio.ensure_future, (up, down, rights_end(conn))))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    lost, reason = results[0] is _LOST or isinstance(results[1], ConnectionResetError), results[2]
    if lost:
        await _last_words(send, {"type": "websocket.close", "code": _TRY_AGAIN, "reason": "service_unavailable"})
        return
    if isinstance(reason, Problem):
        await _last_words(send, *farewell(reason))
        return
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _last_words(send: Send, *messages: dict[str, object]) -> None:
    """Tell the caller, who may be gone or not reading."""
    with contextlib.suppress(OSError, RuntimeError, TimeoutError):
        async with asyncio.timeout(_CLOSE_WITHIN_S):
            for message in messages:
                await send(message)


_LOST = object()


async def _caller_to_service(upper: Upper, receive: Receive) -> object:
    while True:
        message: Message = await receive()
        if message["type"] == "websocket.disconnect":
            await _closed(upper, _sendable(message.get("code", 1005)), message.get("reason") or "")
            return None
        text = message.get("text")
        try:
            if text is not None:
                await upper.send_str(text)
            else:
                await upper.send_bytes(message["bytes"])
        except (aiohttp.ClientError, OSError):
            return _LOST


async def _service_to_caller(upper: Upper, send: Send) -> None:
    with contextlib.suppress(OSError):  # the caller is gone; the other direction hears of it, too
        while True:
            message = await upper.receive()
            if message.type is _TEXT:
                await send({"type": "websocket.send", "text": message.data})
            elif message.type is _BINARY:
                await send({"type": "websocket.send", "bytes": message.data})
            else:
                code, reason = _TRY_AGAIN, "service_unavailable"
                if message.type is _CLOSE:
                    code, reason = _sendable(message.data), message.extra or ""
                await send({"type": "websocket.close", "code": code, "reason": reason})
                return


def _sendable(code: int | None) -> int:
    """The close code to pass on: those that only stand for a missing frame may not be sent (RFC 6455, 7.4.1)."""
    if code in (None, 1005):
        return 1000
    if code in (1006, 1015) or not (1000 <= code < 5000):
        return 1001
    return code


async def _closed(upper: Upper, code: int, reason: str = "") -> None:
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        await upper.close(code=code, message=reason.encode()[:123])
