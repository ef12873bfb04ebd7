"""Personal data replaced: by masks that say the kind, or by pseudonyms that stay the same for one key and can be taken back with their mapping."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from voiceagent.domain.pii.find import MINIMUM_SCORE, find
from voiceagent.domain.pii.spans import Kind, Span

Mode = Literal["mask", "pseudonym"]
_LETTERS = "bcdfghjklmnpqrstvwxz"
"""No vowels and no figures: a pseudonym says nothing and is no number itself."""
_NAME_LETTERS = 10
TOKEN = re.compile(r"\[[a-z_]{2,16}:[bcdfghjklmnpqrstvwxz]{10,40}(?:\.\d{1,4})?\]")
"""A pseudonym as `replace` writes it."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A text without its personal data.

    originals: (pseudonym, what stood in its place), in the order of first use; empty for masks. It is as private as the text was.
    """

    text: str
    spans: tuple[Span, ...]
    originals: tuple[tuple[str, str], ...] = ()


def replace(
    text: str,
    mode: Mode = "mask",
    *,
    key: bytes = b"",
    kinds: Collection[Kind] | None = None,
    minimum: float = MINIMUM_SCORE,
    upto: int | None = None,
) -> Replaced:
    """`text` with what `find` finds in it replaced, and every other place where a found value stands as a word of its own.

    mode: mask writes [card]; pseudonym writes [card:kdrtwzplmb], the same for one value under one `key`, however it was written or said.
    upto: only so many of the characters are wanted; a value that stands across that end is still replaced as the whole that it is.
    Raises ValueError for pseudonyms without a key.
    """
    if mode == "pseudonym" and not key:
        raise ValueError("pseudonyms need a key")
    spans = find(text, kinds=kinds, minimum=minimum)
    if not spans:
        return Replaced(text[:upto], spans)
    places = _everywhere(text, spans)
    if upto is not None:
        places = [place for place in places if place.start < upto]
        text = text[: max([upto, *(place.end for place in places)])]
        spans = tuple(span for span in spans if span.start < upto)
    if mode == "mask":
        return Replaced(_written(text, places, lambda span, _: f"[{span.kind}]"), spans)
    names = _Names(key, text)
    return Replaced(_written(text, places, names.of), spans, tuple(names.given.items()))


def restore(
    text: str, originals: Mapping[str, str] | Iterable[tuple[str, str]], *, escape: Callable[[str], str] = str
) -> str:
    """`text` with pseudonyms turned back; those that `originals` does not know stay. escape: applied to what is put in."""
    known = dict(originals)
    return TOKEN.sub(lambda found: escape(known[found.group()]) if found.group() in known else found.group(), text)


def pseudonym(kind: Kind, value: str, key: bytes) -> str:
    """The name of a value: HMAC-SHA-256 under `key`, in letters. Without the key neither made nor checked."""
    number = int.from_bytes(hmac.digest(key, f"{kind}\0{value}".encode(errors="surrogatepass"), "sha256"), "big")
    letters = ""
    for _ in range(_NAME_LETTERS):
        number, letter = divmod(number, len(_LETTERS))
        letters += _LETTERS[letter]
    return f"[{kind}:{letters}]"


class _Names:
    """Pseudonyms of one text. One value in two writings gets a second number, so that each can be restored as it stood."""

    def __init__(self, key: bytes, text: str) -> None:
        self.given: dict[str, str] = {}
        self._first: dict[tuple[Kind, str], str] = {}
        self._key = key
        self._text = text

    def of(self, span: Span, original: str) -> str:
        place = span.kind, span.value
        first = self._first.get(place) or self._first.setdefault(place, pseudonym(*place, self._key))
        name, number = first, 1
        while self.given.get(name, original) != original or name in self._text:
            number += 1
            name = f"{first[:-1]}.{number}]"
        self.given[name] = original
        return name


def _everywhere(text: str, spans: tuple[Span, ...]) -> list[Span]:
    """The spans, and the same words elsewhere."""
    taken = bytearray(len(text))
    for span in spans:
        taken[span.start : span.end] = b"\1" * (span.end - span.start)
    found = list(spans)
    by_text = {text[span.start : span.end]: span for span in reversed(spans)}
    for original, like in sorted(by_text.items(), key=lambda item: -len(item[0])):
        start = text.find(original)
        while start >= 0:
            end = start + len(original)
            whole = _is_whole(text, start, end) and not any(taken[start:end])
            if whole:
                taken[start:end] = b"\1" * len(original)
                found.append(Span(like.kind, start, end, like.value, like.score))
            start = text.find(original, end if whole else start + 1)
    return sorted(found, key=lambda span: span.start)


def _is_whole(text: str, start: int, end: int) -> bool:
    """No letter or figure of a longer word stands at either end."""
    inside_left = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    inside_right = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    return not inside_left and not inside_right


def _written(text: str, spans: list[Span], name: Callable[[Span, str], str]) -> str:
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], name(span, text[span.start : span.end]))
        at = span.end
    return "".join((*parts, text[at:]))
