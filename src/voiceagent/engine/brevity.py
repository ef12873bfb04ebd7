"""Keeps a spoken answer short and free of loops: says after which sentence it is over. Pure."""

from __future__ import annotations

import re
from itertools import islice

_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"')\]]*(?=\s)|(?<=\S)(?=\n)")  # full-width marks end sentences too
_WORD = re.compile(r"\S+(?=\s)")
_SPACE = re.compile(r"\W+")


class SpokenLimit:
    """Looks at the text of one answer. soft_words: once so many words are said, the answer is over with its sentence.

    A line's end is a sentence's end. An answer that says a whole sentence again has run into a loop and is over too, and so is one
    that says twice as many words as the limit without an end.
    """

    def __init__(self, soft_words: int) -> None:
        self._soft_words = soft_words
        self._words = 0
        self._open = ""
        self._said: set[str] = set()
        self.over = False

    def feed(self, text: str) -> str:
        """The part of `text` that is to be said. After `over` there is none."""
        if self.over:
            return ""
        before = len(self._open)
        self._open += text
        at = 0
        while match := _SENTENCE_END.search(self._open, at):
            if match.end() == at:  # the line's end after a sentence's end
                at += 1
                continue
            if self._ends(self._open[at : match.end()]):
                return self._over_at(before, match.end())
            at = match.end()
        endless = islice(_WORD.finditer(self._open, at), 2 * self._soft_words - 1, None)
        if (word := next(endless, None)) is not None:
            return self._over_at(before, word.end())
        self._open = self._open[at:]
        return text

    def _over_at(self, before: int, end: int) -> str:
        self.over = True
        return self._open[before:end]

    def _ends(self, sentence: str) -> bool:
        self._words += len(sentence.split())
        plain = _SPACE.sub(" ", sentence).strip().lower()
        again = plain in self._said and len(plain) > 8
        self._said.add(plain)
        return again or self._words >= self._soft_words
