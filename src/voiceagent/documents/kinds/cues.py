"""Marks of a kind that stand in the text itself: salutations, clauses, sums, empty fields, header lines. Counts only; classify.py weighs them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voiceagent.documents.kinds.words import TITLES, WORDS

_UNIT_END = re.compile(r"[\n\r.!?:;|\u00b7\u2022]+")
_WORD = re.compile(r"[^\W_]+|\u00a7")


@dataclass(frozen=True, slots=True)
class _Text:
    """Words in small letters, one space between them; a new line where a sentence, a line or a cell ends."""

    flat: str
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Words:
    """One mark: worth `points` when any of the phrases is there. Each stands after a word that must be there for it: to look for a word in a set is
    thirty times faster than to look for a phrase in a text."""

    points: float
    phrases: tuple[tuple[str, str], ...]

    def __contains__(self, text: _Text) -> bool:
        return any((not word or word in text.words) and phrase in text.flat for word, phrase in self.phrases)


@dataclass(frozen=True, slots=True)
class _Shape:
    """One mark that is not a matter of words: worth `points` when the pattern is found `least` times."""

    points: float
    least: int
    pattern: re.Pattern[str]


def _marks(told: str) -> tuple[_Words, ...]:
    """The marks of one kind, as words.py writes them."""
    found = []
    for mark in re.split(r"\n(?=\d)", told.strip()):
        points, _, phrases = mark.partition(":")
        found.append(_Words(float(points), tuple(_sought(phrase.strip()) for phrase in phrases.split(","))))
    return tuple(found)


def _sought(phrase: str) -> tuple[str, str]:
    start = "\n " if phrase.startswith("^") else "" if phrase.startswith("*") else " "
    end = " \n" if phrase.endswith("$") else "" if phrase.endswith("*") else " "
    whole = phrase.strip("^$").split(" ")
    words = [word for word in whole if "*" not in word]
    return max(words, key=len, default=""), f"{start}{phrase.strip('^$*')}{end}"


_TITLE_WORDS = 12

_WORDS = {kind: _marks(told) for kind, told in WORDS.items()}
_TITLES = {kind: _marks(told)[0] for kind, told in TITLES.items()}
_SHAPES: dict[str, tuple[_Shape, ...]] = {
    "contract": (
        _Shape(2, 3, re.compile(r"\bshall\b")),
        _Shape(2, 2, re.compile(r"^[ \t]{0,3}\u00a7 ?\d", re.M)),
        _Shape(1, 3, re.compile(r"^(?:(?:article|artikel|clause|section|art\.) ?)?\d{1,2}[.):]? ", re.M | re.I)),
        _Shape(1, 2, re.compile(r"^article \d", re.M | re.I)),
        _Shape(1, 3, re.compile(r"^(?:cl\u00e1usula )?(?:primera|segunda|tercera|cuarta|quinta)[.:]", re.M | re.I)),
        _Shape(2, 2, re.compile(r"\((?:[a-z ,]{0,30})[\"\u201c\u201e\u00ab'][A-Z][A-Za-z ]{2,25}[\"\u201d\u00bb']\)")),
    ),
    "invoice": (
        _Shape(2, 3, re.compile(r"\d[.,]\d\d ?(?:\u20ac|\$|\u00a3|EUR|USD)?[ |]*$", re.M)),
        _Shape(
            1,
            2,
            re.compile(r"^[^\w\n]{0,3}(?:total|sum|gesamt|importe|tax|vat|gst)\b[^\n]{0,60}\d[.,]\d\d", re.M | re.I),
        ),
    ),
    "manual": (
        _Shape(1, 3, re.compile(r"^[ \t]{0,4}\d{1,2}[.)] [A-Z][a-z]+ (?:the|your|a|all|it|each)\b", re.M)),
        _Shape(
            2,
            2,
            re.compile(
                r"^ {0,8}\$? ?(?:pip|npm|apt|apt-get|brew|docker|git|curl|wget|sudo|make|tar|cd|chmod|mkdir|python3?|cargo) [-a-z./~]+",
                re.M,
            ),
        ),
    ),
    "report": (
        _Shape(1, 2, re.compile(r"\d ?(?:%|percent|per cent|prozent|por ciento|pour cent)", re.I)),
        _Shape(1, 2, re.compile(r"\[\d{1,3}(?:, ?\d{1,3})*\]|\bet al\b")),
    ),
    "form": (
        _Shape(4, 3, re.compile(r"_{3,}|\.{8,}|\u2026{3,}|(?:\. ){6,}")),
        _Shape(3, 2, re.compile(r"[\u2610\u2611\u2612\u25a1\u25a2]|\[ ?[xX]? ?\](?!\()|\( \)")),
        _Shape(2, 4, re.compile(r"^[^\n:]{2,36}:[ \t]*$", re.M)),
    ),
    "cv": (
        _Shape(
            2,
            2,
            re.compile(
                r"\b(?:19|20)\d\d ?(?:-|\u2013|\u2014|to|bis|until|\u00e0) ?(?:\d\d/)?(?:(?:19|20)\d\d|present|now|date|today|heute|actualidad|aujourd)",
                re.I,
            ),
        ),
        _Shape(1, 1, re.compile(r"\b(?:since|seit|depuis|desde) (?:\d\d/)?(?:19|20)\d\d", re.I)),
    ),
    "email": (
        _Shape(3, 2, re.compile(r"^>", re.M)),
        _Shape(2, 1, re.compile(r"\b(?:wrote|schrieb|a \u00e9crit|escribi\u00f3) ?:", re.I)),
        _Shape(2, 1, re.compile(r"^-- ?$", re.M)),
        _Shape(2, 1, re.compile(r"^[^\w\n]{0,3}(?:from|to|von|an|de|para|\u00e0)[ \t]?:[^\n@]{0,60}@", re.M | re.I)),
        _Shape(2, 1, re.compile(r"\b(?:subject|betreff|asunto|objet) ?: ?(?:re|fwd?|aw|wg|tr|rv) ?:", re.I)),
    ),
}
_HEADER = re.compile(
    r"^[^\w\n]{0,3}(from|to|cc|subject|sent|date|von|an|betreff|gesendet|datum|de|para|asunto|\u00e0|objet|envoy\u00e9|fecha)[ \t]?:[ \t]*\S",
    re.M | re.I,
)
_HEADER_POINTS = {2: 2.0, 3: 4.0}
_HEADER_CHARS = 2_000
_ORDERS = frozenset(
    "press turn insert select enter open close plug unplug switch connect remove replace choose click install run set push pull hold lift fill rinse clean use "
    "check verify confirm ask call record report lock wait dial say drücken schließen stellen setzen legen melden rufen nehmen füllen reichen branchez appuyez "
    "choisissez placez vérifiez remettez essuyez réglez pulse gire elija conecte coloque compruebe introduzca corte never do read keep put take "
    "store notify log create download edit start stop type tap wear make".split()
)
_ORDER_POINTS, _ORDERS_LEAST = 2.0, 4


def points_of(text: str) -> dict[str, float]:
    """How many points each kind has by the marks in `text`. Time grows with its length, and with nothing else."""
    units = [" ".join(words) for unit in _UNIT_END.split(text.lower()) if (words := _WORD.findall(unit))]
    plain = _text(units)
    head = _text([" ".join(plain.flat.split()[:_TITLE_WORDS])])
    points = {kind: sum(mark.points for mark in marks if plain in mark) for kind, marks in _WORDS.items()}
    for kind, title in _TITLES.items():
        points[kind] += title.points if head in title else 0.0
    for kind, shapes in _SHAPES.items():
        points[kind] += sum(one.points for one in shapes if _count(one.pattern, text) >= one.least)
    points["manual"] += _ORDER_POINTS if _orders(units) >= _ORDERS_LEAST else 0.0
    headers = len({found.lower() for found in _HEADER.findall(text[:_HEADER_CHARS])})
    points["email"] += _HEADER_POINTS.get(min(headers, max(_HEADER_POINTS)), 0.0)
    return points


def _text(units: list[str]) -> _Text:
    flat = "\n ".join(("", *(f"{unit} " for unit in units), ""))
    return _Text(flat, frozenset(flat.split()))


def _count(pattern: re.Pattern[str], text: str) -> int:
    return sum(1 for _ in pattern.finditer(text))


def _orders(units: list[str]) -> int:
    """Sentences that begin with an order, numbered or not."""
    found = 0
    for unit in units:
        words = unit.split(" ", 2)
        first = words[1] if len(words) > 1 and words[0].isdigit() else words[0]
        found += first in _ORDERS
    return found
