"""When a transcript is not to be believed: nothing was said, the decoder ran in a circle, or it was guessing. Pure; no model here.

The limits are measured on 345 clips of speech and 32 of noise, tones and silence (Whisper tiny.en, int8, greedy): the probability of
"no speech" is at most 0.37 on speech and at least 0.69 on all noise but one; the mean log-probability is above -1.5 on speech and
below -1.7 on nine in ten of the others.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

SILENT_NO_SPEECH = 0.6
SILENT_LOG_PROBABILITY = -0.5
GUESSED_LOG_PROBABILITY = -2.0
DOUBTFUL_LOG_PROBABILITY = -0.8
DOUBTFUL_COMPRESSION = 2.4
"""Whisper's own limit (Radford et al. 2022, 4.5): text that packs better than this repeats itself."""

CHARS_A_WORD = 3
"""In scripts without spaces, where each character is counted by itself."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one run of the decoder gave. log_probability: mean of a token.  cut: it was stopped by its limit of tokens."""

    text: str
    log_probability: float
    no_speech: float
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """`size` words that stand `times` times in a row; start and end are character offsets of the whole run, `first_end` of its first round."""

    size: int
    times: int
    start: int
    first_end: int
    end: int


def is_silence(attempt: Attempt) -> bool:
    """Whether nobody spoke: the model says so, and what it wrote is improbable, circular or empty."""
    if not _WORD.search(attempt.text) or attempt.log_probability < GUESSED_LOG_PROBABILITY:
        return True
    if attempt.no_speech < SILENT_NO_SPEECH:
        return False
    return attempt.log_probability < SILENT_LOG_PROBABILITY or loop(attempt.text) is not None


def is_doubtful(attempt: Attempt) -> bool:
    """Whether a second look on a longer window is worth its time."""
    return (
        attempt.cut
        or attempt.log_probability < DOUBTFUL_LOG_PROBABILITY
        or loop(attempt.text) is not None
        or ends_as_it_began(attempt.text)
        or compression(attempt.text) > DOUBTFUL_COMPRESSION
    )


def compression(text: str) -> float:
    """How many times smaller zlib makes the text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def loop(text: str) -> Loop | None:
    """The first run of repeated words that people rarely say: one word 5 times, two 4 times, three or more twice in a row."""
    spans = _spans(text)
    words = [text[start:end].lower() for start, end in spans]
    for at in range(len(words)):
        for size in range(1, (len(words) - at) // 2 + 1):
            if words[at] != words[at + size]:
                continue
            times = _times(words, at, size)
            if times >= _too_often(size if len(words[at]) > 1 or words[at].isascii() else size // CHARS_A_WORD):
                last = at + size * times - 1
                return Loop(size, times, spans[at][0], spans[at + size - 1][1], spans[last][1])
    return None


def without_loops(text: str) -> str:
    """`text` with each run of repeated words said once."""
    while (found := loop(text)) is not None:
        text = text[: found.first_end] + text[found.end :]
    return text


def ends_as_it_began(text: str) -> bool:
    """Whether the last three or more words are the first ones again: what a window without room after the words does."""
    words = [text[start:end].lower() for start, end in _spans(text)]
    return any(words[:size] == words[-size:] for size in range(3, len(words) // 2 + 1))


def _too_often(size: int) -> int:
    return {0: 5, 1: 5, 2: 4}.get(size, 2)


def _times(words: list[str], at: int, size: int) -> int:
    pattern, times = words[at : at + size], 1
    while words[at + size * times : at + size * (times + 1)] == pattern:
        times += 1
    return times


def _spans(text: str) -> list[tuple[int, int]]:
    """Where the words lie; in a script without spaces every character counts as one."""
    spans: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        if _UNSPACED.search(match.group()):
            spans += [(at, at + 1) for at in range(*match.span())]
        else:
            spans.append(match.span())
    return spans
