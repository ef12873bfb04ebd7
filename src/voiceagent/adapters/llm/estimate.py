"""Token counts without a tokenizer: a guess that errs on the high side. Pure."""

from __future__ import annotations

import re

_PIECE = re.compile(r"[A-Za-z]+|[0-9]|\s+|[^\sA-Za-z0-9]")
_LETTERS_A_TOKEN = 4
_MESSAGE_TOKENS = 4
"""What a chat template adds around one message, about."""


def estimate_tokens(text: str) -> int:
    """Tokens of `text` for a byte-pair vocabulary of 30,000 to 200,000 entries: words by length, digits and signs one each,
    other scripts by their UTF-8 bytes."""
    return round(sum(_cost(piece) for piece in _PIECE.findall(text)) + 0.49)


def _cost(piece: str) -> float:
    if piece.isspace():
        return 0.0 if piece == " " else 1.0
    if piece.isascii():
        return max(1.0, len(piece) / _LETTERS_A_TOKEN)
    return 0.75 * len(piece.encode())


def estimate_prompt(texts: list[str]) -> int:
    """Tokens of a prompt made of these messages."""
    return sum(estimate_tokens(text) + _MESSAGE_TOKENS for text in texts)
