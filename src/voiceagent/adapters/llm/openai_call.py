"""One streaming call of an OpenAI-compatible server: reading its answer under deadlines. No URLs, no keys, no retries."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

import aiohttp

from voiceagent.adapters.llm.estimate import estimate_prompt
from voiceagent.adapters.llm.openai_wire import ChunkReader
from voiceagent.adapters.llm.sse import LineTooLong, SseReader
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import DeadlineExceeded, Unavailable
from voiceagent.ports.llm import ChatDelta, ChatDone, ChatRequest

NEXT_TOKEN_S = 10.0
USAGE_S = 1.0
"""How long an answer that is over waits for the chunk with its usage."""
DRAIN_S = 0.25
"""How long a finished answer is read to its end, so that its connection can serve again."""
_WHOLE_BODY_BYTES = 8 << 20
_DONE = b"[DONE]"


async def read_answer(
    response: aiohttp.ClientResponse, request: ChatRequest, first_by_s: float
) -> AsyncGenerator[ChatDelta, None]:
    """The deltas of `response`, which is closed or released at the end. first_by_s: loop time by which a token must be there.

    Raises as ports.llm says; aiohttp's own errors pass through.
    """
    payloads = _Payloads(response)
    try:
        reader = ChunkReader()
        async for delta in _deltas(payloads, reader, first_by_s):
            yield delta
        if reader.finish is None and not (payloads.done and reader.alive):
            raise Unavailable("llm_unavailable", "the model server cut the answer off")
        yield ChatDone(reader.finish or "stop", reader.usage or _estimated(request, reader))
        await payloads.drain()
    finally:
        payloads.close()


async def _deltas(payloads: _Payloads, reader: ChunkReader, first_by_s: float) -> AsyncGenerator[ChatDelta, None]:
    loop = asyncio.get_running_loop()
    by_s = first_by_s
    while reader.finish is None or reader.usage is None:
        try:
            payload = await payloads.next(by_s)
        except TimeoutError as error:
            if reader.finish is not None:
                return
            raise DeadlineExceeded("llm_deadline", "the model did not answer in time") from error
        if payload is None or payload == _DONE:
            return
        for delta in reader.deltas(payload):
            yield delta
        if reader.finish is not None:
            by_s = loop.time() + USAGE_S
        elif reader.alive:
            by_s = loop.time() + NEXT_TOKEN_S


def _estimated(request: ChatRequest, reader: ChunkReader) -> TokenUsage:
    prompt = estimate_prompt([message.text for message in request.messages])
    return TokenUsage(prompt_tokens=prompt, completion_tokens=reader.tokens)


class _Payloads:
    """The `data:` payloads of a response. An answer that is plain JSON, from a server that does not stream, is one payload."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._sse = SseReader()
        self._waiting: deque[bytes] = deque()
        self._whole: list[bytes] | None = [] if response.content_type == "application/json" else None
        self._ended = False
        self.done = False

    async def next(self, by_s: float) -> bytes | None:
        """The next payload, None at the end. Raises TimeoutError at loop time `by_s`."""
        while not self._waiting:
            if self._ended:
                return None
            async with asyncio.timeout_at(by_s):
                data = await self._response.content.readany()
            self._take(data)
        payload = self._waiting.popleft()
        self.done = self.done or payload == _DONE
        return payload

    def _take(self, data: bytes) -> None:
        self._ended = not data
        if self._whole is not None:
            self._take_whole(self._whole, data)
            return
        try:
            self._waiting.extend(self._sse.feed(data) if data else self._sse.end())
        except LineTooLong as error:
            raise Unavailable("llm_unavailable", "the model server sent a line without an end") from error

    def _take_whole(self, parts: list[bytes], data: bytes) -> None:
        parts.append(data)
        if sum(map(len, parts)) > _WHOLE_BODY_BYTES:
            raise Unavailable("llm_unavailable", "the model server sent an answer without an end")
        if self._ended and any(parts):
            self._waiting.append(b"".join(parts))

    async def drain(self) -> None:
        """Read what little is left of a finished answer."""
        try:
            async with asyncio.timeout(DRAIN_S):
                while not self._ended:
                    self._ended = not await self._response.content.readany()
        except (TimeoutError, aiohttp.ClientError, OSError):
            return  # the answer is complete; only the connection is lost

    def close(self) -> None:
        """Give the connection back when all was read; cut it otherwise, which makes the server stop."""
        if self._ended:
            self._response.release()
        else:
            self._response.close()
