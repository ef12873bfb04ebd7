"""A WebSocket client that speaks to an ASGI app directly: no sockets, same event loop, and it can refuse to read."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

from starlette.types import ASGIApp
from tests.support.patience import ANSWER_S


class Refused(Exception):
    """The handshake was answered with an HTTP status."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body!r}")
        self.status = status
        self.body = body


class AsgiSocket:
    """`async with AsgiSocket(app, path, headers=..., query=...) as socket`. Entering completes the handshake."""

    def __init__(
        self,
        app: ASGIApp,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
    ) -> None:
        self._app = app
        self._scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": urlencode(query or {}).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "client": ("127.0.0.1", 1),
            "server": ("test", 80),
            "subprotocols": list(subprotocols),
            "extensions": {"websocket.http.response": {}},
            "state": {},
        }
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reads = asyncio.Event()
        self._reads.set()
        self.subprotocol: str | None = None
        self.close_code: int | None = None

    async def __aenter__(self) -> AsgiSocket:
        self._task = asyncio.create_task(self._app(self._scope, self._to_app.get, self._take))
        self._to_app.put_nowait({"type": "websocket.connect"})
        first = await self._next()
        if first["type"] == "websocket.http.response.start":
            body = await self._next()
            raise Refused(first["status"], body["body"])
        if first["type"] == "websocket.close":
            raise Refused(403, b"")
        self.subprotocol = first.get("subprotocol")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()
        self._reads.set()
        await asyncio.wait_for(self._task, ANSWER_S)

    def send(self, event: dict[str, Any] | str | bytes) -> None:
        """A frame: bytes as binary, text as it is, anything else as JSON."""
        message: dict[str, Any] = {"type": "websocket.receive"}
        if isinstance(event, bytes):
            message["bytes"] = event
        else:
            message["text"] = event if isinstance(event, str) else json.dumps(event)
        self._to_app.put_nowait(message)

    async def receive(self) -> dict[str, Any]:
        """The next event. Raises EOFError when the app closed the socket instead."""
        message = await self._next()
        if message["type"] == "websocket.close":
            self.close_code = message.get("code", 1000)
            raise EOFError(self.close_code)
        event: dict[str, Any] = json.loads(message["text"])
        return event

    async def closed(self) -> int:
        """Read to the close and return its code."""
        while True:
            try:
                await self.receive()
            except EOFError:
                assert self.close_code is not None
                return self.close_code

    def stop_reading(self) -> None:
        """From now on the app's writes block, as on a full TCP buffer."""
        self._reads.clear()

    def read_again(self) -> None:
        self._reads.set()

    def leave(self) -> None:
        """Vanish."""
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def finished(self) -> None:
        """Wait until the app is done with this socket."""
        await asyncio.wait_for(asyncio.shield(self._task), ANSWER_S)

    async def _take(self, message: Any) -> None:
        await self._reads.wait()
        self._from_app.put_nowait(dict(message))

    async def _next(self) -> dict[str, Any]:
        waiting = asyncio.create_task(self._from_app.get())
        await asyncio.wait({waiting, self._task}, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        if self._task.done():
            self._task.result()
            raise EOFError("the app ended without a word")
        raise TimeoutError(f"the app said nothing for {ANSWER_S:.0f} s")
