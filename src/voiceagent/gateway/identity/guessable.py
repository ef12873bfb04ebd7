"""Passwords that guessers try first: built of a few of the most common passwords, names, rows of keys, runs and years. Offline and pure."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

FEW_PIECES = 4
"""A password that so few known pieces make up is refused: lists of common passwords hold it, or the first rules applied to them."""

_LONGEST_WORD = 24
_SHORTEST_RUN = 3
_SHORTEST_REPEATED_CHARS = 8
_ROWS = (
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "abcdefghijklmnopqrstuvwxyz",
)
_DISGUISES = str.maketrans("01345789@$!€+", "oleastbgasiet")


def is_guessable(password: str, *own_words: str) -> bool:
    """Whether a guesser who knows the most common passwords, and `own_words` (name, e-mail), gets there soon."""
    plain = password.casefold()
    known = _known() | {word.casefold() for word in own_words if len(word) >= 3}
    return _repeats(plain) or _pieces(plain, known) <= FEW_PIECES


def _repeats(text: str) -> bool:
    """One short unit over and over."""
    period = (text + text).find(text, 1)
    return period < len(text) and period < _SHORTEST_REPEATED_CHARS


def _pieces(text: str, known: frozenset[str]) -> int:
    """The least number of known pieces and single characters that make up `text`."""
    fewest = [0] + [len(text) + 1] * len(text)
    for start in range(len(text)):
        longest_run = _run(text, start)
        for end in range(start + 1, len(text) + 1):
            piece = text[start:end]
            if len(piece) <= max(1, longest_run) or _is_known(piece, known):
                fewest[end] = min(fewest[end], fewest[start] + 1)
    return fewest[-1]


def _run(text: str, start: int) -> int:
    """How far from `start` the characters repeat, count up or down, or walk along a row of keys; 0 when that is short."""
    longest = 1
    for step in (-1, 0, 1):
        end = start + 1
        while end < len(text) and ord(text[end]) - ord(text[end - 1]) == step:
            end += 1
        longest = max(longest, end - start)
    for row in (*_ROWS, *(row[::-1] for row in _ROWS)):
        end = start + 1
        while end < len(text) and text[start : end + 1] in row + row:
            end += 1
        longest = max(longest, end - start)
    return longest if longest >= _SHORTEST_RUN else 0


def _is_known(piece: str, known: frozenset[str]) -> bool:
    if len(piece) == 4 and piece.isdigit() and piece[:2] in ("19", "20"):
        return True  # a year
    return len(piece) <= _LONGEST_WORD and (piece in known or piece.translate(_DISGUISES) in known)


@cache
def _known() -> frozenset[str]:
    """The most common passwords and what they are made of, in the languages that leaks are full of."""
    text = (files("voiceagent.gateway.identity") / "common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(text.split())
