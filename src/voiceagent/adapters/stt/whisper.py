"""`whisper:///`: speech to text with a local Whisper model. The queue, long audio and the port's promises; the model is in recogniser.py."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import ParamSpec, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from voiceagent.adapters.stt.audio import MIN_S, checked
from voiceagent.adapters.stt.recogniser import Heard, Recogniser, Wish
from voiceagent.adapters.stt.window import MAX_WINDOW_S, next_cut
from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ, Transcript, Word
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.mel import samples_of
from voiceagent.kit.offload import Offload
from voiceagent.ports.models import ModelPaths
from voiceagent.ports.stt import SttCapabilities

DEFAULT_MODEL = "whisper-tiny.en"
MAX_S = 3600.0
QUEUE = 256
_WINDOW_BYTES = int(MAX_WINDOW_S * SPEECH_RATE_HZ) * SAMPLE_BYTES
_COMPUTE_TYPES = ("int8", "int8_float32", "int16", "float32", "auto", "default")

P = ParamSpec("P")
T = TypeVar("T")


def open_stt(url: str, *, models: ModelPaths, threads: int = 1) -> WhisperStt:
    """The recogniser that `url` names; loads and warms the model, which takes about a second.

    `whisper:///` is the default model, `whisper:///NAME` another of the store, `whisper:///a/folder` one's own.
    `?compute=float32` names another of CTranslate2's arithmetics than int8.
    Raises Misconfigured `model_missing`, `model_corrupt`, `bad_stt_url`.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    compute = options.pop("compute", "int8")
    if options or compute not in _COMPUTE_TYPES:
        raise Misconfigured("bad_stt_url", f"after the model only ?compute= may stand: {', '.join(_COMPUTE_TYPES)}")
    folder = models.path(_model_name(unquote(parts.path)))
    return WhisperStt(Recogniser(folder, threads=threads, compute=compute), model=folder.name)


def _model_name(path: str) -> str:
    """One segment is a name of the store, several are an absolute path (with a drive letter or without)."""
    name = path.strip("/")
    if "/" not in name:
        return name or DEFAULT_MODEL
    return name if name[1:2] == ":" else f"/{name}"


class WhisperStt:
    """Speech to text on this machine. Calls take turns, window by window: long audio does not hold up short one."""

    def __init__(self, recogniser: Recogniser, *, model: str, max_s: float = MAX_S) -> None:
        self._recogniser: Recogniser | None = recogniser
        self._vocabulary = recogniser.vocabulary
        self._pool = Offload("whisper", threads=1, queue=QUEUE)
        self._capabilities = SttCapabilities(model, self._vocabulary.languages, words=True, max_s=max_s, local=True)
        _warm(recogniser)

    @property
    def capabilities(self) -> SttCapabilities:
        return self._capabilities

    async def transcribe(
        self, pcm: bytes, *, language: str | None = None, prompt: str = "", words: bool = False
    ) -> Transcript:
        duration_s = checked(pcm, self._capabilities.max_s)
        wish = Wish(self._vocabulary.language(language), prompt, words, Event())
        heard: list[tuple[float, Heard]] = []
        at = 0
        try:
            while at < len(pcm) and duration_s >= MIN_S:
                size, part = await self._offload(_hear_next, pcm, at, wish)
                heard.append((at / (SAMPLE_BYTES * SPEECH_RATE_HZ), part))
                if part.text and wish.language is None:  # the language of the first words holds for the rest
                    wish = replace(wish, language=part.language)
                at += size
        finally:
            wish.cancelled.set()
        return _joined(heard, duration_s, wish.language or "en")

    async def close(self) -> None:
        self._recogniser = None
        self._pool.close()

    async def _offload(
        self, function: Callable[[Recogniser, bytes, int, Wish], T], pcm: bytes, at: int, wish: Wish
    ) -> T:
        if self._recogniser is None:
            raise Unavailable("stt_unavailable", "the recogniser is closed")
        try:
            return await self._pool.run(function, self._recogniser, pcm, at, wish)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._recogniser is None and task is not None and not task.cancelling():
                raise Unavailable("stt_unavailable", "the recogniser was closed") from None
            raise
        except RuntimeError as error:  # what CTranslate2 and a closed pool raise
            raise Unavailable("stt_unavailable", "the recogniser failed") from error


def _warm(recogniser: Recogniser) -> None:
    """Run once on a second of faint noise: the first call of a fresh model takes twice as long."""
    noise = np.random.default_rng(0).standard_normal(SPEECH_RATE_HZ).astype(np.float32) * np.float32(0.01)
    recogniser.hear(noise, Wish("en", "", False, Event()))


def _hear_next(recogniser: Recogniser, pcm: bytes, at: int, wish: Wish) -> tuple[int, Heard]:
    """How many bytes the window that starts at byte `at` has, and what was said in it."""
    samples = samples_of(pcm[at : at + _WINDOW_BYTES])
    if len(pcm) - at > _WINDOW_BYTES:
        samples = samples[: next_cut(samples)]
    return len(samples) * SAMPLE_BYTES, recogniser.hear(samples, wish)


def _joined(heard: list[tuple[float, Heard]], duration_s: float, language: str) -> Transcript:
    """The windows, each with where it starts in seconds, as one transcript."""
    said = [part for _, part in heard if part.text]
    length = sum(len(part.text) for part in said)
    mean = sum(part.log_probability * len(part.text) for part in said) / length if length else -math.inf
    return Transcript(
        text=" ".join(part.text for part in said),
        language=said[0].language if said else language,
        confidence=math.exp(min(0.0, mean)),
        no_speech=min((part.no_speech for _, part in heard), default=1.0),
        duration_s=duration_s,
        words=tuple(
            Word(word.text, start_s + word.start_s, start_s + word.end_s)
            for start_s, part in heard
            for word in part.words
        ),
    )
