"""Words of texts and questions as SQLite's full-text index wants them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

ROW_BUDGET = 6_000
"""Rows that one question may rank by words. FTS5 ranks about 1,200 rows a millisecond (measured on 2 cores, 200,000 chunks):
frequent words are left out first, they say least."""

MAX_TERMS = 40
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_UNSPACED_RUN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]+|[^\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]+"
)

STOP_WORDS = frozenset(
    "a about all also am an and any are as at be been being but by can could did do does down for from had has have he her here him his how "
    "i if im in into is it its ive just may me might must my no nor not of off on or our out over s shall she should so some t than that the "
    "their them then there these they this those to under up us was we were what when where which who whom why will with would you your "
    "d ll m re ve hi hello please tell".split()
)


def indexed(text: str) -> str:
    """A text as it goes into the index: compatibility forms folded, signs of scripts without spaces set apart."""
    folded = unicodedata.normalize("NFKC", text)
    return _UNSPACED.sub(r" \g<0> ", folded)


def terms(question: str) -> list[str]:
    """The words of a question that are worth looking for, each once, quoted for MATCH; every word when none is worth it."""
    words = [word.strip("_") for word in _WORD.findall(unicodedata.normalize("NFKC", question).lower())]
    words = [word for word in dict.fromkeys(words) if word]
    wanted = [word for word in words if word not in STOP_WORDS] or words
    return [_quoted(part) for word in wanted[:MAX_TERMS] for part in _UNSPACED_RUN.findall(word)]


def _quoted(word: str) -> str:
    spaced = _UNSPACED.sub(r" \g<0> ", word).strip()
    return f'"{spaced}"'


def match_expression(wanted: Sequence[str], rows_of: Callable[[str], int]) -> str | None:
    """A MATCH expression that ranks about ROW_BUDGET rows at most: rare words first; of frequent words only, two together.

    rows_of: how many rows hold a term, counted no further than ROW_BUDGET.
    """
    counted = sorted((rows, term) for term in wanted if (rows := rows_of(term)) > 0)
    if not counted:
        return None
    if counted[0][0] >= ROW_BUDGET and len(counted) > 1:
        return f"{counted[0][1]} AND {counted[1][1]}"
    chosen: list[str] = []
    total = 0
    for rows, term in counted:
        if chosen and total + rows > ROW_BUDGET:
            break
        chosen.append(term)
        total += rows
    return " OR ".join(chosen)
