"""End of turn by the length of the silence at the end: deterministic, without a model, for demos, load tests and tests."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

import numpy as np

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ
from voiceagent.kit.errors import InvalidInput, Misconfigured, Unavailable

SHORTEST_S = 0.1
LOUD = 330
"""Peak of a 16-bit sample that counts as voice: -40 dBFS."""


class ScriptedTurns:
    """Answers from a list, in order; when it is used up, from the silence at the end: 0 without any, 1 from `full_s` on."""

    def __init__(self, answers: Iterable[float] = (), *, full_s: float = 0.4) -> None:
        self._answers = iter(tuple(answers))
        self._full_s = full_s
        self._closed = False

    async def probability(self, pcm: bytes) -> float:
        if len(pcm) % SAMPLE_BYTES:
            raise InvalidInput("bad_audio", "16-bit audio has an even number of bytes")
        if self._closed:
            raise Unavailable("turns_unavailable", "the end-of-turn model is closed")
        if len(pcm) < SHORTEST_S * SPEECH_RATE_HZ * SAMPLE_BYTES:
            return 0.5
        told = next(self._answers, None)
        return told if told is not None else min(1.0, _silence_s(pcm) / self._full_s)

    async def close(self) -> None:
        self._closed = True


def _silence_s(pcm: bytes) -> float:
    samples = np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32))
    loud = np.flatnonzero(samples >= LOUD)
    quiet = len(samples) - 1 - int(loud[-1]) if len(loud) else len(samples)
    return quiet / SPEECH_RATE_HZ


def open_turns(url: str) -> ScriptedTurns:
    """`scripted:///` or `scripted:///?answers=0.1,0.9&full_s=0.4`. Raises Misconfigured `bad_url`."""
    query = parse_qs(urlsplit(url).query)
    try:
        answers = [float(part) for part in query.get("answers", [""])[-1].split(",") if part]
        full_s = float(query.get("full_s", ["0.4"])[-1])
    except ValueError as error:
        raise Misconfigured("bad_url", "answers and full_s are numbers") from error
    if full_s <= 0 or any(not 0 <= answer <= 1 for answer in answers):
        raise Misconfigured("bad_url", "answers lie between 0 and 1, full_s is over 0")
    return ScriptedTurns(answers, full_s=full_s)
