"""The text as recognisers read it: spoken forms written as figures, with the way back to the original, and the words around a place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from voiceagent.domain.pii.spans import Kind, Span

BEFORE_CHARS = 60
AFTER_CHARS = 24
_SENTENCE_END = re.compile(r"[.!?\n]")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """original[start:end] was said and is written `text`."""

    start: int
    end: int
    text: str


class View:
    """`text` is `original` with the rewrites (in order, disjoint) applied; `lower` is it in lower case, of the same length."""

    def __init__(self, original: str, rewrites: Sequence[Rewrite] = ()) -> None:
        self.original = original
        self._starts: list[int] = []  # in text, where a piece begins
        self._pieces: list[tuple[int, int, bool]] = []  # in original: start, end, whether said
        parts: list[str] = []
        at = length = 0
        for rewrite in (*rewrites, Rewrite(len(original), len(original), "")):
            for start, end, piece in ((at, rewrite.start, None), (rewrite.start, rewrite.end, rewrite.text)):
                written = original[start:end] if piece is None else piece
                if written:
                    self._starts.append(length)
                    self._pieces.append((start, end, piece is not None))
                    parts.append(written)
                    length += len(written)
            at = rewrite.end
        self.text = "".join(parts)
        lower = self.text.lower()
        self.lower = (
            lower
            if len(lower) == len(self.text)
            else "".join(c if len(c.lower()) > 1 else c.lower() for c in self.text)
        )

    def span(self, kind: Kind, start: int, end: int, score: float, value: str | None = None) -> Span:
        """A span of the original for text[start:end]; value: the text itself unless given."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1) - 1
        from_, _, said = self._pieces[first]
        begin = from_ if said else from_ + start - self._starts[first]
        from_, to, said = self._pieces[last]
        stop = to if said else from_ + end - self._starts[last]
        return Span(kind, begin, stop, self.text[start:end] if value is None else value, score)

    def said(self, start: int, end: int) -> bool:
        """Whether most of text[start:end] was said in words."""
        first = bisect_right(self._starts, start) - 1
        said = 0
        for index in range(max(first, 0), len(self._starts)):
            if self._starts[index] >= end:
                break
            if self._pieces[index][2]:
                stop = self._starts[index + 1] if index + 1 < len(self._starts) else len(self.text)
                said += min(stop, end) - max(self._starts[index], start)
        return said * 2 > end - start

    def before(self, start: int, chars: int = BEFORE_CHARS) -> str:
        """The words before a place, in lower case."""
        return self.lower[max(0, start - chars) : start]

    def near(self, words: re.Pattern[str], start: int, end: int) -> bool:
        """Whether one of `words` stands shortly before or just after text[start:end], there only within the sentence."""
        after = _SENTENCE_END.split(self.lower[end : end + AFTER_CHARS], maxsplit=1)[0]
        return bool(words.search(self.before(start)) or words.search(after))


def any_of(words: str) -> re.Pattern[str]:
    """A pattern of these words (one a line or separated by `|`), each whole, in lower case."""
    listed = "|".join(re.escape(word.strip()) for word in words.replace("\n", "|").split("|") if word.strip())
    return re.compile(rf"(?<!\w)(?:{listed})(?!\w)")
