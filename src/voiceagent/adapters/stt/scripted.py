"""`scripted://`: words from a list, spoken at a steady pace. Deterministic, for demos, load tests and tests; hears loudness, not speech."""

from __future__ import annotations

import asyncio
import json
import math
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from voiceagent.adapters.stt.audio import MIN_S, checked
from voiceagent.domain.audio import SPEECH_RATE_HZ, Transcript, Word
from voiceagent.kit.errors import Misconfigured, Unavailable, Unsupported
from voiceagent.ports.stt import SttCapabilities

WORDS_PER_S = 3.0
MAX_S = 3600.0
DEFAULT_LINES = ("What can you do for me today?", "Tell me more about that, please.", "Thank you, that is all.")
_LOUD_PEAK = 0.01
_BLOCK_SAMPLES = SPEECH_RATE_HZ // 50
_BLOCK_S = 0.02
_KEY_SAMPLES = SPEECH_RATE_HZ // 4


def open_stt(url: str) -> ScriptedStt:
    """`scripted://` says lines of its own, `scripted:///folder/lines.json` those of a JSON list of texts.

    `?words_per_s=3` is the pace, 0 for the whole line at once; `?delay_s=0.1` is how long each call takes.
    Raises Misconfigured `bad_stt_url`.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    try:
        lines = _lines(Path(unquote(parts.path))) if parts.path.strip("/") else DEFAULT_LINES
        words_per_s, delay_s = float(options.get("words_per_s", WORDS_PER_S)), float(options.get("delay_s", 0.0))
    except (OSError, ValueError) as error:
        raise Misconfigured("bad_stt_url", "scripted speech to text needs a JSON file with a list of texts") from error
    return ScriptedStt(lines, words_per_s=words_per_s, delay_s=delay_s)


def _lines(path: Path) -> tuple[str, ...]:
    lines = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
        raise ValueError("not a list of texts")
    return tuple(lines)


class ScriptedStt:
    """Each stretch of loud sound says the next words of a line: the longer, the more. The first quarter second of loud sound picks the line,
    so that the beginning of an utterance says the beginning of what the whole says. delay_s is waited with `sleep` (virtual time in tests)."""

    def __init__(
        self,
        lines: tuple[str, ...] = DEFAULT_LINES,
        *,
        words_per_s: float = WORDS_PER_S,
        delay_s: float = 0.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._lines = lines
        self._words_per_s = words_per_s
        self._delay_s = delay_s
        self._sleep = sleep
        self._closed = False

    @property
    def capabilities(self) -> SttCapabilities:
        return SttCapabilities("scripted", ("en",), words=True, max_s=MAX_S, local=True)

    async def transcribe(
        self, pcm: bytes, *, language: str | None = None, prompt: str = "", words: bool = False
    ) -> Transcript:
        duration_s = checked(pcm, MAX_S)
        if language and language.split("-")[0].lower() != "en":
            raise Unsupported("unsupported_language", "scripted speech is English", param="language")
        if self._closed:
            raise Unavailable("stt_unavailable", "the recogniser is closed")
        if self._delay_s:
            await self._sleep(self._delay_s)
        loud = _loud_blocks(pcm)
        if duration_s < MIN_S or not loud:
            return Transcript("", no_speech=1.0, confidence=0.0, duration_s=duration_s)
        said = self._said(pcm, loud)
        times = _times(said, loud) if words else ()
        return Transcript(" ".join(said), duration_s=duration_s, words=times)

    async def close(self) -> None:
        self._closed = True

    def _said(self, pcm: bytes, loud: list[int]) -> list[str]:
        start = loud[0] * _BLOCK_SAMPLES * 2
        line = self._lines[zlib.crc32(pcm[start : start + _KEY_SAMPLES * 2]) % len(self._lines)].split()
        if self._words_per_s <= 0:
            return line
        return line[: max(1, math.ceil(len(loud) * _BLOCK_S * self._words_per_s))]


def _loud_blocks(pcm: bytes) -> list[int]:
    """The numbers of the 20 ms blocks whose loudest sample is above 1 % of full scale."""
    samples = np.frombuffer(pcm, dtype="<i2")
    blocks = samples[: len(samples) // _BLOCK_SAMPLES * _BLOCK_SAMPLES].reshape(-1, _BLOCK_SAMPLES)
    peaks = np.abs(blocks.astype(np.int32)).max(axis=1, initial=0)
    return [int(block) for block in np.flatnonzero(peaks > _LOUD_PEAK * 32768)]


def _times(said: list[str], loud: list[int]) -> tuple[Word, ...]:
    """The words spread evenly over the loud sound."""
    edges = [loud[len(loud) * at // len(said)] * _BLOCK_S for at in range(len(said))] + [(loud[-1] + 1) * _BLOCK_S]
    return tuple(Word(word, edges[at], edges[at + 1]) for at, word in enumerate(said))
