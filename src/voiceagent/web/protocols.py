"""uvicorn's HTTP and WebSocket protocols with the bounds that they lack: size and time of a request's head, fragments of a message."""

from __future__ import annotations

import asyncio
import json
import resource
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

HEAD_BYTES = 16 * 1024
HEAD_FIELDS = 100
URL_BYTES = 8 * 1024
HEAD_WITHIN_S = 15.0
MAX_FRAGMENTS = 16
STALL_WITHIN_S = 20.0
LINGER_S = 5.0
MAX_IDLE = min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
"""So many connections of a server may be without a whole request; then the one that is so the longest goes for each that comes."""

_BAD = (400, "bad_http", "The request cannot be read.")
_TOO_LARGE = (431, "head_too_large", f"A request's head has at most {HEAD_BYTES} bytes and {HEAD_FIELDS} fields.")
_TOO_LONG = (414, "url_too_long", f"A request's URL has at most {URL_BYTES} bytes.")
_NO_HOST = (400, "bad_host", "A request names its host, once.")
_PHRASES = {400: "Bad Request", 414: "URI Too Long", 431: "Request Header Fields Too Large"}
_HEAD_REFUSED = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class StallWatch:
    """Cuts the connection of a reader that takes nothing for 20 s while there is more to send than the buffer holds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._transport = transport
        self._timer: asyncio.TimerHandle | None = None
        self._waiting_bytes = 0

    def paused(self) -> None:
        """The buffer is full."""
        self._waiting_bytes = self._transport.get_write_buffer_size()
        if self._timer is None:
            self._timer = self._loop.call_later(STALL_WITHIN_S, self._look)

    def ended(self) -> None:
        """The buffer has room again, or the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def linger(self) -> None:
        """The server closes: what is not sent within 5 s is dropped."""
        self._loop.call_later(LINGER_S, self._transport.abort)

    def _look(self) -> None:
        self._timer = None
        if self._transport.get_write_buffer_size() >= self._waiting_bytes:
            self._transport.abort()
        else:
            self.paused()


_idle: dict[HttpProtocol, None] = {}
"""Connections of this process that are waiting for the end of a request's head, in the order in which they began to."""


class HttpProtocol(HttpToolsProtocol):
    """Closes connections whose request's head, or body after the answer, takes too long; refuses heads that are too large."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _in_body = False
    _refusal = _BAD

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._stall = StallWatch(self.loop, transport)
        self._await_head()
        self._wait_idle()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall.ended()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        refusal = self._wrong_head()
        if refusal is not None:
            self._refusal = refusal
            raise ValueError(refusal[1])  # the parser passes it on, and looks at no more of the bytes
        self._end_head()
        self._in_body = True
        _idle.pop(self, None)
        super().on_headers_complete()

    def _wrong_head(self) -> tuple[int, str, str] | None:
        """Whatever came in one piece has not been counted before."""
        if len(self.url) > URL_BYTES:
            return _TOO_LONG
        size_bytes, hosts = len(self.url), 0
        for name, value in self.headers:
            size_bytes += len(name) + len(value) + 4
            hosts += name == b"host"
        if size_bytes > HEAD_BYTES or len(self.headers) > HEAD_FIELDS:
            return _TOO_LARGE
        return _NO_HOST if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1") else None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or none that is taken, in the shape of every other refusal."""
        status, code, text = self._refusal
        title = code.replace("_", " ").capitalize()
        body = json.dumps({"type": f"/problems/{code}", "title": title, "status": status, "code": code, "detail": text})
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write((head + body).encode("ascii"))
        self.transport.close()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._in_body:  # nobody reads the rest, and each byte of it would keep the connection
            self.loop.call_later(LINGER_S, self._rest_overdue)
        elif self.cycle is None or self.cycle.response_complete:  # no request of a pipeline follows
            self._wait_idle()

    def _rest_overdue(self) -> None:
        if self._in_body and (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()

    def _wait_idle(self) -> None:
        _idle[self] = None
        while len(_idle) > MAX_IDLE:
            oldest = next(iter(_idle))
            del _idle[oldest]
            oldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self._refusal = _TOO_LARGE
                self.send_400_response(_TOO_LARGE[1])

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        self._stall.ended()
        _idle.pop(self, None)
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._head_overdue)

    def _end_head(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_overdue(self) -> None:
        if self._in_head and not self.transport.is_closing():
            self.transport.close()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Refuses messages in more than 16 fragments: empty ones would otherwise pile up below every size limit. Drops peers that never read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._stall = StallWatch(self.loop, self.transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            # The upgrade request comes whole from the HTTP protocol: what is not understood now never will be.
            self.transport.write(_HEAD_REFUSED)
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall.ended()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stall.ended()
        super().connection_lost(exc)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self._stall.linger()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept" and not self.handshake_complete:
            raise ClientDisconnected  # the caller left meanwhile; uvicorn would call what is sent next a mistake of the app
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # refused with an answer, which is no error to be logged

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._stall.linger()

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= MAX_FRAGMENTS:
            self.conn.send_close(1008, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)


def protocol_options() -> dict[str, Any]:
    """uvicorn's settings for every server: sockets without compression, keep-alive pings that notice a vanished peer within 25 s."""
    return {
        "http": HttpProtocol,
        "ws": WebSocketProtocol,
        "ws_max_size": 16 * 1024 * 1024,  # the realtime protocol allows 15 MiB an event
        "ws_per_message_deflate": False,
        "ws_ping_interval": 10.0,
        "ws_ping_timeout": 15.0,
        "timeout_keep_alive": 30,
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "lifespan": "off",
        "backlog": 2048,
    }
