"""A run of number words as figures: `four one double one`, `einundzwanzig`, `quatre-vingt-dix`, `nineteen eighty two`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from voiceagent.domain.pii.spoken.vocabulary import FILLERS, SIGNS, Language, languages

TOKEN = re.compile(r"[^\W_]++")
_RUN_TOKENS = 80
_VOWELS = frozenset("aeiouy")
_APOSTROPHES = ("'", "’")
_SIGNS = frozenset(SIGNS.values())
_LEADING_TOKENS = 5
_GAP = re.compile(r"[ ,\-–\n.…]{1,3}")


class Token(NamedTuple):
    """A word of the text. gap: what stands between it and the one before."""

    text: str
    word: str
    start: int
    end: int
    gap: str


@dataclass(frozen=True, slots=True)
class Figures:
    """tokens[first:last] was said for `text`. pieces: the parts of it, in order; what stands between two parts was said for `joint`."""

    first: int
    last: int
    text: str
    joint: str = ""
    pieces: tuple[Figures, ...] = ()


def tokens_of(text: str) -> list[Token]:
    """The words of a text; `word` is in lower case."""
    tokens = []
    at = 0
    for found in TOKEN.finditer(text):
        word, start, end = found.group(), found.start(), found.end()
        tokens.append(Token(word, word.lower(), start, end, text[at:start]))
        at = end
    return tokens


def number_at(tokens: list[Token], at: int, language: Language) -> tuple[str, int] | None:
    """The figures of the number that begins at a token, and the token after it; None where none begins."""
    token = tokens[at]
    if token.word.isdecimal() and token.word.isascii():
        return token.word, at + 1
    times = language.times.get(token.word)
    if times is not None and at + 1 < len(tokens):
        digit = _digit(tokens[at + 1], language)
        return (digit * times, at + 2) if digit else None
    if token.word in language.thousand:
        rest = _rest(tokens, at + 1, language, 1000)
        return (str(1000 + rest[0]), rest[1]) if rest else None
    if token.word not in language.values:
        return None
    value, after = _below_thousand(tokens, at, language)
    if after < len(tokens) and tokens[after].word in language.thousand and value < 100:
        rest = _rest(tokens, after + 1, language, 1000)
        return (str(value * 1000 + rest[0]), rest[1]) if rest else (str(value * 1000), after + 1)
    return str(value), after


def _digit(token: Token, language: Language) -> str:
    value = language.values.get(token.word)
    if value is not None and value < 10:
        return str(value)
    return token.word if token.word.isdecimal() and len(token.word) == 1 else ""


def _below_thousand(tokens: list[Token], at: int, language: Language) -> tuple[int, int]:
    value, after = _below_hundred(tokens, at, language)
    if after < len(tokens) and tokens[after].word in language.hundred and value:
        rest = _rest(tokens, after + 1, language, 100)
        return (value * 100 + rest[0], rest[1]) if rest else (value * 100, after + 1)
    if value >= 100 and value % 100 == 0:
        rest = _rest(tokens, after, language, 100)
        return (value + rest[0], rest[1]) if rest else (value, after)
    return value, after


def _rest(tokens: list[Token], at: int, language: Language, below: int) -> tuple[int, int] | None:
    """What is added to a round number: `and five`, `eighty two`. A bare unit belongs to the next figures, as in `eight hundred five five five`."""
    joined = at < len(tokens) and tokens[at].word in language.joins
    at += joined
    if at >= len(tokens) or "," in tokens[at].gap or tokens[at].word not in language.values:
        return None
    value, after = _below_hundred(tokens, at, language) if below == 100 else _below_thousand(tokens, at, language)
    bare = value < 10 and not joined
    follows = after < len(tokens) and (tokens[after].word in language.values or tokens[after].word in language.hundred)
    return None if value >= below or value == 0 or (bare and follows) else (value, after)


def _below_hundred(tokens: list[Token], at: int, language: Language) -> tuple[int, int]:
    value, after = language.values[tokens[at].word], at + 1
    exactly = tokens[at].word == "vingts"
    if language.pairs and value == 4 and _follows(tokens, after, language, (20,)) and _is_eighty(tokens, after):
        exactly = tokens[after].word == "vingts"  # 80 and no more
        value, after = 80, after + 1
    if value == 10 and language.pairs and _follows(tokens, after, language, (7, 8, 9)) and "-" in tokens[after].gap:
        return value + language.values[tokens[after].word], after + 1
    if value not in (20, 30, 40, 50, 60, 70, 80, 90) or exactly:
        return value, after
    joined = after + 1 < len(tokens) and tokens[after].word in language.joins - {"and"}
    place = after + joined
    if language.pairs and value in (60, 80) and _follows(tokens, place, language, range(10, 17)):
        teen, after = _below_hundred(tokens, place, language)
        return value + teen, after
    if (joined or language.bare) and _follows(tokens, place, language, range(1, 10)):
        return value + language.values[tokens[place].word], place + 1
    return value, after


def _is_eighty(tokens: list[Token], vingt: int) -> bool:
    """`quatre-vingt-trois`, also without hyphens; `quatre vingt-trois` is 4 and 23."""
    return tokens[vingt].gap == "-" or vingt + 1 == len(tokens) or tokens[vingt + 1].gap != "-"


def _follows(tokens: list[Token], at: int, language: Language, values: range | tuple[int, ...]) -> bool:
    return at < len(tokens) and language.values.get(tokens[at].word, -1) in values and "," not in tokens[at].gap


def run_at(tokens: list[Token], at: int) -> tuple[Figures | None, int]:
    """The longest run of figures that begins at a token, if it says three or more, and the token to go on from."""
    runs = [_run(tokens, at, language) for language in languages()]
    best = max((run for run, _ in runs if run), key=lambda run: (run.last, len(run.text)), default=None)
    # What was too little for a run from here is too little from any later token of it.
    return best, best.last if best else max(end for _, end in runs)


def leading(tokens: list[Token], at: int, free: int) -> int:
    """The token that a run begins at when tokens[at] is its first number word: figures, a plus or a few spelled letters may stand before."""
    first = at
    while first > max(free, at - _LEADING_TOKENS) and tokens[first].gap in (" ", "-", ", "):
        token = tokens[first - 1]
        word = token.text in _VOWELS or (token.text == "I" and not _is_spelled(tokens[first].text))
        spelled = _is_spelled(token.text) and not word and token.gap[-1:] not in _APOSTROPHES
        if not (token.word.isdecimal() or SIGNS.get(token.word) == "+" or spelled):
            break
        first -= 1
    return first


def _is_spelled(word: str) -> bool:
    return word.isascii() and word.isalpha() and (len(word) == 1 or (len(word) <= 4 and word.isupper()))


def _run(tokens: list[Token], at: int, language: Language) -> tuple[Figures | None, int]:
    pieces: list[Figures] = []
    place = at
    while place < min(len(tokens), at + _RUN_TOKENS) and (place == at or _GAP.fullmatch(tokens[place].gap)):
        token = tokens[place]
        joint = "" if not pieces or _joins(token.gap) else " "
        number = number_at(tokens, place, language)
        if number:
            joint = joint or (" " if pieces and pieces[-1].text.isalpha() else "")
            pieces.append(Figures(place, number[1], number[0], joint))
            place = number[1]
        elif token.word in SIGNS and (not pieces or pieces[-1].last == place):
            if not _figures_follow(tokens, place + 1, language):
                break
            pieces.append(Figures(place, place + 1, SIGNS[token.word]))
            place += 1
        elif _is_spelled(token.text) and token.word not in FILLERS and _spells_on(tokens, place, language):
            joint = " " if pieces and not pieces[-1].text.isalpha() else joint
            pieces.append(Figures(place, place + 1, token.text.upper(), joint))
            place += 1
        elif token.word in FILLERS and pieces:
            place += 1
        else:
            break
    return _figures(tokens, pieces), max(place, at + 1)


def _joins(gap: str) -> bool:
    """Words with a blank or a hyphen between them are one block of figures; a comma, a stop or a line ends the block."""
    return gap in (" ", "-", "")


def _figures_follow(tokens: list[Token], at: int, language: Language) -> bool:
    return at < len(tokens) and number_at(tokens, at, language) is not None


def _spells_on(tokens: list[Token], at: int, language: Language) -> bool:
    """Letters go on while figures or letters come next; one letter may be the end of a code, though `a`, `I` and `s'il` are words."""
    token = tokens[at]
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    if after and _GAP.fullmatch(after.gap) and (_says_number(after, language) or _is_spelled(after.text)):
        return True
    if after and after.gap[:1] in _APOSTROPHES:
        return False
    return token.word not in "aieoyu" or (token.text.isupper() and token.word not in "ai")


def _says_number(token: Token, language: Language) -> bool:
    return token.word in language.values or token.word in language.times or token.word.isdecimal()


def _figures(tokens: list[Token], pieces: list[Figures]) -> Figures | None:
    """The pieces as one run, if they say at least three figures and at least one of them in words."""
    said = any(not piece.text.isalpha() and not tokens[piece.first].word.isdecimal() for piece in pieces)
    letters = any(piece.text.isalpha() for piece in pieces)
    digits = sum(char.isdecimal() for piece in pieces for char in piece.text)
    if not said or digits < 3 or (letters and digits < 6) or pieces[-1].text in _SIGNS:
        return None
    text = "".join(piece.joint + piece.text for piece in pieces)
    return Figures(pieces[0].first, pieces[-1].last, text, pieces=tuple(pieces))
