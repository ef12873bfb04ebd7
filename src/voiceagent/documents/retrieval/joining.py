"""Joins each passage with the chunks around it, within a number of characters for all of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from voiceagent.domain.document import Chunk, Passage

_GAP_CHARS = 64
"""Between chunks of one text there is white space only; where more lies between them they are not of one piece."""

_Place = tuple[str, int]


def joined(passages: Sequence[Passage], room_chars: int) -> list[Passage]:
    """The passages in their order, each with the chunks `around` it that still have room; one that a better one took in is left out.

    The chunk after is taken before the one before. Found chunks always stay, whatever their size; no chunk is in two passages.
    """
    left = room_chars - sum(len(one.chunk.text) for one in passages)
    cores = {_place(one.chunk) for one in passages}
    used: set[_Place] = set()
    made: list[Passage] = []
    for passage in passages:
        if _place(passage.chunk) in used:
            continue
        parts = [passage.chunk]
        for chunk in _nearest_first(passage):
            place = _place(chunk)
            cost = 0 if place in cores else len(chunk.text)  # a found chunk has its room already
            if place in used or cost > left or not _continues(parts, chunk):
                continue
            left -= cost
            parts = sorted([*parts, chunk], key=lambda one: one.ordinal)
        used.update(_place(one) for one in parts)
        made.append(_passage(passage, parts))
    return made


def _place(chunk: Chunk) -> _Place:
    return chunk.document_id, chunk.ordinal


def _nearest_first(passage: Passage) -> list[Chunk]:
    core = passage.chunk.ordinal
    return sorted(passage.around, key=lambda one: (abs(one.ordinal - core), one.ordinal < core))


def _continues(parts: Sequence[Chunk], chunk: Chunk) -> bool:
    """Whether `chunk` stands right before or right after these."""
    first, last = parts[0], parts[-1]
    if chunk.ordinal == last.ordinal + 1:
        return 0 <= chunk.start - last.end <= _GAP_CHARS
    return chunk.ordinal == first.ordinal - 1 and 0 <= first.start - chunk.end <= _GAP_CHARS


def _passage(passage: Passage, parts: Sequence[Chunk]) -> Passage:
    if len(parts) == 1:
        return replace(passage, around=())
    chunk = replace(
        passage.chunk,
        start=parts[0].start,
        end=parts[-1].end,
        text=_text(parts),
        boxes=tuple(box for one in parts for box in one.boxes),
    )
    return replace(passage, chunk=chunk, around=(), pages=tuple((one.start, one.page) for one in parts))


def _text(parts: Iterable[Chunk]) -> str:
    """The texts with as much white space between them as in the document, so that offsets stay true."""
    text, end = "", 0
    for one in parts:
        gap = one.start - end if text else 0
        text += ("\n" + " " * (gap - 1) if gap else "") + one.text
        end = one.end
    return text
