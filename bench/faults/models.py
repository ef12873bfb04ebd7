"""A model server for chaos: chat, recognition and speech in OpenAI's shapes, each answered at once and told apart by a number.

python bench/faults/models.py PORT
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import struct
import sys

from aiohttp import web

RATE_HZ = 24_000
TONE = b"".join(
    struct.pack("<h", round(8_000 * math.sin(2 * math.pi * 330 * at / RATE_HZ))) for at in range(RATE_HZ // 4)
)
_numbers = itertools.count(1)


def app() -> web.Application:
    """The server."""
    made = web.Application(client_max_size=32 << 20)
    made.router.add_get("/v1/models", _models)
    made.router.add_post("/v1/chat/completions", _chat)
    made.router.add_post("/v1/audio/transcriptions", _transcriptions)
    made.router.add_post("/v1/audio/speech", _speech)
    return made


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "chaos", "object": "model"}]})


async def _chat(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    said = next((m["content"] for m in reversed(body["messages"]) if m["role"] == "user"), "")
    words = ["You said: ", *(f"{word} " for word in str(said)[-80:].split()), "That is all."]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await _told(response, words)
    return response


async def _told(response: web.StreamResponse, words: list[str]) -> None:
    for word in words:
        await response.write(_chunk({"content": word}, None))
        await asyncio.sleep(0.005)
    await response.write(_chunk({}, "stop"))
    usage = {"prompt_tokens": 7, "completion_tokens": len(words), "total_tokens": 7 + len(words)}
    await response.write(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n")


def _chunk(delta: dict[str, str], finish: str | None) -> bytes:
    return (
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"
    )


async def _transcriptions(request: web.Request) -> web.Response:
    await request.read()
    text = f"Please tell me about matter number {next(_numbers)} of {request.app['name']}."
    return web.json_response({"text": text, "language": "english", "segments": []})


async def _speech(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=TONE, content_type="audio/pcm")


async def main(port: int) -> None:
    """Serve until killed."""
    made = app()
    made["name"] = f"{port}-{int(asyncio.get_running_loop().time() * 1000)}"
    runner = web.AppRunner(made, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
