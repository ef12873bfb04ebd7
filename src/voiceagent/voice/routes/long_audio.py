"""Recognition of recordings of any length: cut into pieces at quiet places, so that live calls get their turn in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import numpy as np

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ, Transcript, Word
from voiceagent.ports.stt import SpeechToText

PIECE_S = 25.0
"""Longest piece: below the 30 s window of Whisper-like models."""
_EARLIEST = 0.6
"""A cut lies in the last two fifths of the longest piece."""
_FRAME_S = 0.02
_BYTES_A_SECOND = SAMPLE_BYTES * SPEECH_RATE_HZ
_SMOOTH_FRAMES = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """What was recognised of a part of a recording that starts `start_s` after its beginning and lasts `duration_s`."""

    start_s: float
    transcript: Transcript
    duration_s: float = 0.0

    @property
    def words(self) -> tuple[Word, ...]:
        """The words with times in the whole recording."""
        return tuple(
            Word(word.text, word.start_s + self.start_s, word.end_s + self.start_s) for word in self.transcript.words
        )


@dataclass(frozen=True, slots=True)
class Hints:
    """What the caller knows of the recording."""

    language: str | None = None
    prompt: str = ""
    words: bool = False


async def transcribe(stt: SpeechToText, pcm: bytes, hints: Hints) -> AsyncIterator[Piece]:
    """The pieces of `pcm` (s16le mono 16 kHz), in order, each as soon as it is recognised. Raises what the port raises."""
    words = hints.words and stt.capabilities.words
    for start_s, part in cut(pcm, min(PIECE_S, stt.capabilities.max_s)):
        transcript = await stt.transcribe(part, language=hints.language, prompt=hints.prompt, words=words)
        yield Piece(start_s, transcript, len(part) / _BYTES_A_SECOND)


async def words_of(stt: SpeechToText, pcm: bytes, language: str | None = None) -> str:
    """All words of `pcm`, "" when nothing was said."""
    return text_of([piece async for piece in transcribe(stt, pcm, Hints(language))])


def text_of(pieces: list[Piece]) -> str:
    """The words of all pieces."""
    return " ".join(piece.transcript.text.strip() for piece in pieces if piece.transcript.text.strip())


def cut(pcm: bytes, longest_s: float) -> Iterator[tuple[float, bytes]]:
    """`pcm` in pieces of at most `longest_s` seconds with their starts in seconds; every sample is in exactly one piece."""
    longest = int(longest_s * SPEECH_RATE_HZ) * SAMPLE_BYTES
    start = 0
    while len(pcm) - start > longest:
        end = start + _quietest(pcm[start : start + longest])
        yield start / _BYTES_A_SECOND, pcm[start:end]
        start = end
    yield start / _BYTES_A_SECOND, pcm[start:]


def _quietest(window: bytes) -> int:
    """Offset in bytes of the middle of the quietest fifth of a second in the later part of `window`."""
    frame = int(_FRAME_S * SPEECH_RATE_HZ)
    samples = np.frombuffer(window, dtype="<i2").astype(np.float32)
    first = int(len(samples) * _EARLIEST) // frame
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)[first:]
    energy = np.square(frames).mean(axis=1)
    if len(energy) <= _SMOOTH_FRAMES:
        return len(window)
    smooth = np.convolve(energy, np.ones(_SMOOTH_FRAMES), mode="valid")
    middle = first + int(smooth.argmin()) + _SMOOTH_FRAMES // 2
    return middle * frame * SAMPLE_BYTES
