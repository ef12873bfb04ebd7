"""What a recogniser finds: `Span`, the kinds there are, and which of overlapping spans stays."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "card", "iban", "bank_account", "routing_number", "phone", "email", "us_ssn", "national_id", "passport", "driver_licence",
    "birth_date", "ip", "mac", "url_credentials", "wallet", "address", "person",
]  # fmt: skip

STRUCTURED: frozenset[Kind] = frozenset(
    (
        "card", "iban", "bank_account", "routing_number", "phone", "email", "us_ssn", "national_id", "passport", "driver_licence",
        "birth_date", "ip", "mac", "url_credentials", "wallet",
    )
)  # fmt: skip
"""Kinds with a shape or a check digit of their own; `person` and `address` are told by words around them."""


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data at text[start:end].

    value: its canonical writing (figures without separators, an e-mail address in lower case), the same for every way to write or say it.
    score: 0 to 1, a rank and no probability: 0.9 and more holds by a checksum or an unmistakable shape, 0.5 by a guess.
    """

    kind: Kind
    start: int
    end: int
    value: str
    score: float


def settled(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The best of those that overlap (score, then length, then place), in the order of the text."""
    starts: list[int] = []
    kept: list[Span] = []
    for span in sorted(set(spans), key=lambda s: (-s.score, s.start - s.end, s.start, s.kind)):
        place = bisect_right(starts, span.start)
        if place and kept[place - 1].end > span.start:
            continue
        if place < len(kept) and kept[place].start < span.end:
            continue
        starts.insert(place, span.start)
        kept.insert(place, span)
    return tuple(kept)
