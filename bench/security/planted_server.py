"""Models elsewhere: chat, embeddings and reranking in OpenAI's shapes. Keeps all that it is sent, and fails in ways that quote it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

MODES = ("refuses", "rate", "fails", "credentials", "garbage", "cut", "hangs")
_STATUS = {"refuses": 400, "rate": 429, "fails": 500, "credentials": 401}
HANG_S = 8.0


class Elsewhere:
    """mode: "good", or one of MODES."""

    def __init__(self) -> None:
        self.mode = "good"
        self._bodies: list[str] = []

    def text(self) -> str:
        """All that it was sent."""
        return "\n".join(self._bodies)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The base URL of the server, while it runs."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/{path:.*}", self._answer)
        app.router.add_get("/v1/models", self._models)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None  # aiohttp tells the port drawn nowhere else
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            await runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "far", "object": "model"}]})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.text()
        self._bodies.append(json.dumps(json.loads(raw), ensure_ascii=False))
        body, path = json.loads(raw), request.match_info["path"]
        if self.mode in _STATUS:
            quoted = {"error": {"message": f"cannot do this with {raw}", "type": "bad", "param": raw, "code": raw}}
            return web.json_response(quoted, status=_STATUS[self.mode], headers={"x-request-id": raw[-90:].strip()})
        if self.mode == "garbage":
            return web.Response(text=f"<html>{raw}</html>", content_type="text/html")
        if self.mode == "hangs":
            await asyncio.sleep(HANG_S)
        if path == "embeddings":
            data = [{"index": at, "embedding": _vector(text)} for at, text in enumerate(body["input"])]
            return web.json_response({"object": "list", "data": data, "model": "far-embed"})
        if path == "rerank":
            return web.json_response(
                {"results": [{"index": at, "relevance_score": 1.0 / (at + 1)} for at in range(len(body["documents"]))]}
            )
        return await self._chat(request, body)

    async def _chat(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        said = next((one["content"] for one in reversed(body["messages"]) if one["role"] == "user"), "")
        words = ["I have noted: ", *(f"{word} " for word in str(said)[-400:].split())]
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(words)}
            return web.json_response({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            for at, word in enumerate(words):
                await response.write(_chunk({"content": word}, None))
                if self.mode == "cut" and at > len(words) // 2:
                    await response.write(b"data: {" + str(said).encode()[:200] + b"\n\n")
                    assert request.transport is not None
                    request.transport.abort()
                    return response
            await response.write(_chunk({}, "stop") + b"data: [DONE]\n\n")
        return response


def _chunk(delta: dict[str, str], finish: str | None) -> bytes:
    return (
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"
    )


def _vector(text: str) -> list[float]:
    return [byte / 255 + 0.01 for byte in hashlib.sha512(text.encode()).digest()]
