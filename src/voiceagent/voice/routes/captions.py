"""Transcripts as segments, SubRip and WebVTT. Pure."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from voiceagent.domain.audio import Transcript, Word
from voiceagent.voice.routes.long_audio import Piece

_PAUSE_S = 0.6
_LONGEST_S = 7.0
_SENTENCE_ENDS = (".", "?", "!")


@dataclass(frozen=True, slots=True)
class Segment:
    """Words that are shown together, in seconds of the recording."""

    start_s: float
    end_s: float
    text: str
    source: Transcript


def segments_of(pieces: Iterable[Piece]) -> tuple[Segment, ...]:
    """Segments that end at sentences and pauses where the times of words are known; otherwise one a piece."""
    return tuple(segment for piece in pieces for segment in _segments(piece))


def _segments(piece: Piece) -> Iterator[Segment]:
    if not piece.transcript.text:
        return
    if not piece.words:
        end_s = piece.start_s + piece.transcript.duration_s
        yield Segment(piece.start_s, end_s, piece.transcript.text, piece.transcript)
        return
    line: list[Word] = []
    for word in piece.words:
        if line and _breaks(line, word):
            yield _segment(line, piece.transcript)
            line = []
        line.append(word)
    yield _segment(line, piece.transcript)


def _breaks(line: list[Word], word: Word) -> bool:
    return (
        line[-1].text.rstrip().endswith(_SENTENCE_ENDS)
        or word.start_s - line[-1].end_s > _PAUSE_S
        or word.end_s - line[0].start_s > _LONGEST_S
    )


def _segment(line: list[Word], source: Transcript) -> Segment:
    return Segment(line[0].start_s, line[-1].end_s, " ".join(word.text.strip() for word in line), source)


def srt(segments: Iterable[Segment]) -> str:
    """SubRip: numbered, with commas before the milliseconds."""
    blocks = [
        f"{number}\n{_time(segment.start_s, ',')} --> {_time(segment.end_s, ',')}\n{segment.text}\n"
        for number, segment in enumerate(segments, start=1)
    ]
    return "\n".join(blocks)


def vtt(segments: Iterable[Segment]) -> str:
    """WebVTT."""
    blocks = [
        f"{_time(segment.start_s, '.')} --> {_time(segment.end_s, '.')}\n{_escaped(segment.text)}\n"
        for segment in segments
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def segment_object(number: int, segment: Segment) -> dict[str, object]:
    """A segment of verbose_json. The recogniser tells no tokens; avg_logprob is that of the piece it belongs to."""
    raw = segment.text.encode()
    return {
        "id": number,
        "seek": int(segment.start_s * 100),
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": math.log(max(segment.source.confidence, 1e-6)),
        "compression_ratio": len(raw) / len(zlib.compress(raw)),
        "no_speech_prob": segment.source.no_speech,
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1_000)
    return f"{hours:02}:{minutes:02}:{whole:02}{mark}{milliseconds:03}"
