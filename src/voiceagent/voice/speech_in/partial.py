"""Words of the caller that can be shown before the turn is over: only those on which two recognitions in a row agree. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class StablePrefix:
    """Feed it every transcript of the growing turn; it gives back the words that became stable, each once."""

    _last: str = ""
    _told: str = ""

    def grow(self, text: str) -> str:
        """More words that are now certain, "" when none are."""
        stable = _common_words(self._last, text)
        self._last = text
        return self._tell(stable)

    def finish(self, text: str) -> str:
        """The rest when the turn says `text` in the end; "" when what was told before does not fit."""
        rest = self._tell(text)
        self._last = self._told = ""
        return rest

    def _tell(self, text: str) -> str:
        if not text.startswith(self._told) or len(text) <= len(self._told):
            return ""
        more, self._told = text[len(self._told) :], text
        return more


def _common_words(left: str, right: str) -> str:
    words = []
    for one, other in zip(left.split(), right.split(), strict=False):
        if one != other:
            break
        words.append(one)
    return " ".join(words)
