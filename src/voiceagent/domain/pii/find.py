"""Personal data in a text: `find` it. What is recognised, and how, stands in recognisers/."""

from __future__ import annotations

from collections.abc import Collection

from voiceagent.domain.pii.figures import runs
from voiceagent.domain.pii.recognisers import (
    addresses,
    bank,
    births,
    cards,
    names,
    national_ids,
    online,
    papers,
    phones,
    wallets,
)
from voiceagent.domain.pii.spans import Kind, Span, settled
from voiceagent.domain.pii.spoken.rewrites import read

MINIMUM_SCORE = 0.5


def find(text: str, *, kinds: Collection[Kind] | None = None, minimum: float = MINIMUM_SCORE) -> tuple[Span, ...]:
    """Personal data in `text`, in order, never overlapping; offsets count characters of `text` as given, also of what was said in words.

    kinds: only these, None for all.  minimum: the least score.
    """
    view = read(text)
    found: list[Span] = []
    if any(char.isdecimal() for char in view.text):
        figures = runs(view)
        for recogniser in (cards, bank, phones, national_ids):
            found += recogniser.recognise(view, figures)
        for plain in (births, papers, wallets, addresses):
            found += plain.recognise(view)
    found += online.recognise(view)
    if kinds is None or "person" in kinds:
        found += names.recognise(view)
    return tuple(span for span in settled(found) if span.score >= minimum and (kinds is None or span.kind in kinds))
