"""One call of the public API for speech or embeddings: whether its whole result came."""

from __future__ import annotations

import io
import math
import struct
import wave
from functools import lru_cache

import aiohttp

_RATE_HZ = 16_000


async def ask_once(http: aiohttp.ClientSession, origin: str, kind: str) -> bool:
    """stt: a second of sound becomes words.  tts: a sentence becomes sound.  embed: two texts become vectors."""
    if kind == "stt":
        form = aiohttp.FormData()
        form.add_field("file", _sound(), filename="speech.wav", content_type="audio/wav")
        async with http.post(f"{origin}/v1/audio/transcriptions", data=form) as answer:
            return answer.status == 200 and (await answer.json())["text"].startswith("Words of ")
    if kind == "tts":
        body = {"input": "Can you hear me now?", "response_format": "pcm"}
        async with http.post(f"{origin}/v1/audio/speech", json=body) as answer:
            return answer.status == 200 and len(await answer.read()) > 10_000
    body = {"model": "same", "input": "one"}
    async with http.post(f"{origin}/v1/embeddings", json=body) as answer:
        return answer.status == 200 and len((await answer.json())["data"]) == 1


@lru_cache(maxsize=1)
def _sound() -> bytes:
    step = 2 * math.pi * 440 / _RATE_HZ
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE_HZ)
        sound.writeframes(struct.pack(f"<{_RATE_HZ}h", *(round(8000 * math.sin(step * n)) for n in range(_RATE_HZ))))
    return file.getvalue()
