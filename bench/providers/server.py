"""A scripted server with OpenAI's APIs of chat, speech and embeddings, as a process of its own: `python server.py PORT NAME FIRST_MS`.

How it behaves is set by POST /mode: well, limited (429 with Retry-After), garbage (bytes that are no stream), half (cuts its answers off).
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

WORDS = 12
SOUND = struct.pack("<h", 4000) * 4800 + struct.pack("<h", -4000) * 4800


class Server:
    def __init__(self, name: str, first_s: float) -> None:
        self.name, self.first_s, self.mode, self.calls = name, first_s, "well", 0

    async def set_mode(self, request: web.Request) -> web.Response:
        self.mode, self.calls = (await request.json())["mode"], 0
        return web.json_response({})

    async def count(self, _: web.Request) -> web.Response:
        return web.json_response({"calls": self.calls})

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.name}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        await request.read()
        if self.mode == "limited":
            return web.json_response({"error": {"type": "rate_limit"}}, status=429, headers={"Retry-After": "2"})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        with suppress(ConnectionError):  # whoever asked a frozen server has gone when it thaws
            await response.prepare(request)
            await self._answer(request, response)
        return response

    async def _answer(self, request: web.Request, response: web.StreamResponse) -> None:
        await asyncio.sleep(self.first_s)
        if self.mode == "garbage":
            await response.write(b"data: {<html>" + os.urandom(512) + b"\n\n")
            return
        for word in range(WORDS):
            text = f"{self.name}{word} "
            await response.write(self._chunk({"content": text}))
            await asyncio.sleep(0.002)
            if self.mode == "half" and word == WORDS // 2 and request.transport is not None:
                request.transport.abort()
                return
        await response.write(self._chunk({}, "stop") + b"data: [DONE]\n\n")

    async def hear(self, request: web.Request) -> web.Response:
        return await self._once(request, lambda: web.json_response({"text": f"Words of {self.name}.", "segments": []}))

    async def speak(self, request: web.Request) -> web.Response:
        return await self._once(request, lambda: web.Response(body=SOUND, content_type="audio/pcm"))

    async def embed(self, request: web.Request) -> web.Response:
        texts = (await request.json())["input"]
        rows = [{"index": at, "embedding": [1.0, float(len(text))] + [0.5] * 62} for at, text in enumerate(texts)]
        return await self._once(request, lambda: web.json_response({"data": rows}))

    async def _once(self, request: web.Request, answer: Callable[[], web.Response]) -> web.Response:
        self.calls += 1
        await request.read()
        if self.mode == "limited":
            return web.json_response({"error": {"type": "rate_limit"}}, status=429, headers={"Retry-After": "2"})
        await asyncio.sleep(self.first_s)
        if self.mode == "garbage":
            return web.Response(body=b"{<html>" + os.urandom(512), content_type="text/html")
        return answer()

    @staticmethod
    def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        return b"data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


def main() -> None:
    server = Server(sys.argv[2], float(sys.argv[3]) / 1000)
    app = web.Application(client_max_size=32 << 20)
    app.router.add_post("/mode", server.set_mode)
    app.router.add_get("/calls", server.count)
    app.router.add_get("/v1/models", server.models)
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_post("/v1/audio/transcriptions", server.hear)
    app.router.add_post("/v1/audio/speech", server.speak)
    app.router.add_post("/v1/embeddings", server.embed)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
