"""Payment cards: 12 to 19 figures of a known issuer with a right check digit, or any after the words for a card."""

from __future__ import annotations

from collections.abc import Iterator

from voiceagent.domain.pii.checks import luhn
from voiceagent.domain.pii.figures import Run
from voiceagent.domain.pii.spans import Span
from voiceagent.domain.pii.view import View, any_of

_LENGTHS = range(12, 20)
_CONTEXT = any_of(
    """card | cards | credit | debit | visa | mastercard | amex | american express | maestro | discover | cc | ccn | pan | kreditkarte |
    kreditkartennummer | karte | kartennummer | ec-karte | carte | carte bancaire | carte bleue | carte de crédit | numéro de carte | tarjeta |
    número de tarjeta | tarjeta de crédito | carta | carta di credito | numero della carta | bancomat | cartão | creditcard"""
)


def recognise(view: View, runs: tuple[Run, ...]) -> Iterator[Span]:
    """Cards of a text."""
    for run in runs:
        place = 0
        while place < len(run.groups):
            found = _card_from(view, run, place)
            if found is None:
                place += 1
                continue
            last, score = found
            part = run.part(place, last)
            yield view.span("card", part.groups[0].start, part.end, score, part.digits)
            place = last


def _card_from(view: View, run: Run, first: int) -> tuple[int, float] | None:
    """The group after the card that begins at a group, the longest that holds, and its score."""
    best: tuple[int, float] | None = None
    digits = ""
    for last in range(first, len(run.groups)):
        digits += run.groups[last].text
        if len(digits) > _LENGTHS.stop - 1:
            break
        if len(digits) not in _LENGTHS or not set("".join(run.separators[first:last])) <= set(" -.,"):
            continue
        score = _score(view, digits, run)
        if score and (best is None or score >= best[1]):
            best = (last + 1, score)
    return best


def _score(view: View, digits: str, run: Run) -> float:
    if len(set(digits)) < 2:
        return 0.0
    if not luhn(digits):  # misheard or mistyped: the words may say what it is
        return 0.6 if 14 <= len(digits) <= 19 and len(run.digits) <= 23 and _named(view, run) else 0.0
    if len(digits) in issued(digits):
        return 0.95 if len(digits) >= 15 or _named(view, run) else 0.8
    return 0.7 if _named(view, run) else 0.0


def _named(view: View, run: Run) -> bool:
    return view.near(_CONTEXT, run.start, run.end)


def issued(digits: str) -> tuple[int, ...] | range:
    """The lengths that cards with these first figures have; empty for figures that no network uses (ISO/IEC 7812 ranges, 2024)."""
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    if digits[0] == "4":
        return (13, 16, 19)
    if two in (34, 37) or four in (1800, 2131):
        return (15,)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return (16,)
    if 300 <= three <= 305 or two in (36, 38, 39):
        return range(14, 20)
    if four == 6011 or two in (60, 64, 65, 62, 81, 82) or 3528 <= four <= 3589:
        return range(16, 20)
    if two in (50, 56, 57, 58, 63, 67, 69, 61) or 2200 <= four <= 2204:
        return _LENGTHS
    return ()
