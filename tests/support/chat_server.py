"""A chat server that misbehaves on request, over a real loopback socket: what the OpenAI client must survive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def chunk(text: str | None = None, finish: str | None = None, **delta: Any) -> bytes:
    """A chat.completion.chunk as an SSE event."""
    body = delta | ({"content": text} if text is not None else {})
    return event({"choices": [{"index": 0, "delta": body, "finish_reason": finish}]})


def event(body: Any) -> bytes:
    return b"data: " + (body if isinstance(body, bytes) else json.dumps(body).encode()) + b"\n\n"


USAGE = event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}})
DONE = event(b"[DONE]")
WHOLE = (chunk("Hel"), chunk("lo!"), chunk(None, "stop"), USAGE, DONE)


@dataclass
class ChatServer:
    """url: base URL.  bodies: what was posted.  headers: of the last call.  left: set when a client cut a stream."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    answer: Answer | None = None

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers = dict(request.headers)
        assert self.answer is not None
        return await self.answer(request)

    def says(self, *pieces: bytes | float, cut: bool = False) -> None:
        """Send these pieces, each at once; a number waits so many seconds; cut drops the connection instead of ending the body."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            try:
                for piece in pieces:
                    if isinstance(piece, bytes):
                        await response.write(piece)
                        self.sent += 1
                    else:
                        await asyncio.sleep(piece)
            except (ConnectionError, asyncio.CancelledError):
                self.left.set()
                raise
            if cut and request.transport is not None:
                request.transport.abort()
            return response

        self.answer = answer

    def refuses(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        async def answer(_request: web.Request) -> web.StreamResponse:
            return web.json_response(body if body is not None else {}, status=status, headers=headers)

        self.answer = answer


@asynccontextmanager
async def chat_server() -> AsyncIterator[ChatServer]:
    """A server on a free port."""
    server = ChatServer()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.chat)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
