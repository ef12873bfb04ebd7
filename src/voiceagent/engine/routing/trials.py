"""One short call that shows whether a provider works: a question, a tone, a word, a text. Past the router, also of one that rests."""

from __future__ import annotations

import math
import struct
from contextlib import aclosing
from functools import lru_cache
from typing import Any

from voiceagent.domain.audio import SPEECH_RATE_HZ
from voiceagent.domain.conversation import Message
from voiceagent.domain.provider import Kind
from voiceagent.kit.errors import Unavailable
from voiceagent.ports.llm import ChatRequest, TextDelta

_TONE_HZ, _PEAK = 440, 8_000


async def first_result(kind: Kind, part: Any, within_s: float) -> None:
    """Wait for the first token, words, sound or vector of an adapter of this kind. Raises what the adapter raises, Unavailable
    `no_result` when nothing comes. within_s: what a language model is told; bound the call yourself."""
    if kind == "stt":
        await part.transcribe(_tone())
    elif kind == "embed":
        await part.embed(("Hello",), query=True)
    elif await _streamed(kind, part, within_s) is None:
        raise Unavailable("no_result", "the provider ended without a result")


async def _streamed(kind: Kind, part: Any, within_s: float) -> object | None:
    if kind == "tts":
        async with aclosing(part.synthesize("Hello.")) as pieces:
            return await anext(pieces, None)
    question = ChatRequest((Message("user", "Say hello."),), max_output_tokens=8, deadline_s=within_s)
    async with aclosing(part.stream(question)) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                return delta
    return None


@lru_cache(maxsize=1)
def _tone() -> bytes:
    """A second of sound: what is silent is sent to nobody."""
    step = 2 * math.pi * _TONE_HZ / SPEECH_RATE_HZ
    return struct.pack(f"<{SPEECH_RATE_HZ}h", *(round(_PEAK * math.sin(step * n)) for n in range(SPEECH_RATE_HZ)))
