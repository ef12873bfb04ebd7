"""What grounding knows of a language: its empty words and endings, its cues of talk, question and follow-up, its phrases. The data lies beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """How an answer from a document is said. says, says_on_page: `{teller}`, `{page}`; the verb belongs to them.

    document: who tells when the title is no name of a paper, `{title}`.  small_numbers: page numbers as words from zero on.
    """

    not_found: str
    not_looked: str
    says: str
    says_on_page: str
    document: str
    untitled: str
    small_numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language. Words are folded (lower case, without accents); patterns are matched on lower-case text.

    empty: words that say nothing of what is meant.  endings: longest first.  talk: words of small talk.  about_us: asks about the assistant.
    asking: wants to know something.  joining: begins a follow-up such as "and on Sundays?".  placing: begins one such as "on Sundays?".
    pointing: words that stand for something said before.  idle: where such words stand for nothing, as in "is there a lift".
    speaks: False for a language of which nothing is known.
    """

    code: str
    empty: frozenset[str]
    endings: tuple[str, ...]
    talk: frozenset[str]
    about_us: re.Pattern[str]
    asking: re.Pattern[str]
    joining: re.Pattern[str]
    placing: re.Pattern[str]
    pointing: frozenset[str]
    idle: re.Pattern[str]
    phrases: Phrases
    speaks: bool = True
