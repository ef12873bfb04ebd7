"""Spoken e-mail addresses: `john dot smith at example dot com`, `j underscore rossi chiocciola posta punto it`."""

from __future__ import annotations

from voiceagent.domain.pii.lexicon import first_names, is_english
from voiceagent.domain.pii.spoken.numbers import Figures, Token, number_at
from voiceagent.domain.pii.spoken.vocabulary import AT_WORDS, LOW_SIGNS, SIGNS, TOP_DOMAINS, known, languages

_LOCAL_TOKENS = 24
_DOMAIN_TOKENS = 16
_WRITTEN_SIGNS = frozenset("._-+")
_WORDS_TOO = frozenset("in it me is at us no be de es se".split())
"""Top-level domains that are words: `at a point in` is no address."""
_MAILBOXES = frozenset("info support contact sales office hello admin help service billing jobs press team".split())
_MAIL = frozenset("mail email e-mail emails mails write send address mailbox".split())
_JOINS = ("y", "et")
_NOBODY = frozenset(
    "me us him her them it you look looking find visit site website is are was be am online available page meet shop store here there back stay "
    "live not out up down go going work works working arrive aim call reach email mail write address e over".split()
)
"""Words before `at` that begin a place, as in `find us at example dot com`, and no mailbox."""


def email_at(tokens: list[Token], at: int) -> Figures | None:
    """The address whose `at` is tokens[at] (or the sign @ before it), as tokens and as it is written."""
    said = tokens[at].word in AT_WORDS and "@" not in tokens[at].gap
    right = _domain(tokens, at + said)
    if right is None or at == 0:
        return None
    left = _local(tokens, at - 1)
    alone = left is not None and left.first == at - 1 and tokens[at].word in ("at", "ät") and said
    if left is None or (alone and _is_place_word(tokens, at - 1)):
        return None
    return Figures(left.first, right.last, f"{left.text}@{right.text}")


def _is_place_word(tokens: list[Token], at: int) -> bool:
    """Whether the one word before `at` is no mailbox: `find us at`, `our help center at`; but `mail it to center at`."""
    word = tokens[at].word
    if word in _NOBODY:
        return True
    if word in _MAILBOXES or word in first_names() or not is_english(word):
        return False
    return not any(token.word in _MAIL for token in tokens[max(0, at - 6) : at])


def _domain(tokens: list[Token], at: int) -> Figures | None:
    """Labels with dots between them, the last a top-level domain; single letters and figures make one label."""
    labels = [""]
    english = at > 0 and tokens[at - 1].word == "at" and any(t.word == "point" for t in tokens[at : at + 3])
    good: Figures | None = None
    place, wanted = at, True
    while place < min(len(tokens), at + _DOMAIN_TOKENS):
        token = tokens[place]
        written = token.gap if place > at else ""
        if wanted or written in _WRITTEN_SIGNS - {"", "."}:
            text, after = _piece(tokens, place)
            labels[-1] += (written if written == "-" else "") + text
            place, wanted = after, False
        elif written == "." or (written.strip() == "" and SIGNS.get(token.word) == "."):
            labels.append("")
            place += written != "."
            wanted = True
            continue
        elif SIGNS.get(token.word) == "-" and written.strip() == "":
            labels[-1] += "-"
            place, wanted = place + 1, True
            continue
        elif written == " " and len(labels) == 1 and (len(labels[0]) == 1 or _is_number(tokens, place)):
            wanted = True
            continue
        else:
            break
        if len(labels) > 1 and labels[-1] in TOP_DOMAINS and not (english and labels[-1] in _WORDS_TOO):
            good = Figures(at, place, ".".join(labels))
    return good


def _local(tokens: list[Token], last: int) -> Figures | None:
    """Back from the `at`: words with signs between them, and figures or single letters in a chain."""
    first = max(0, last + 1 - _LOCAL_TOKENS)
    place, begin = last, last + 1
    while place >= first:
        token = tokens[place]
        if token.word in SIGNS or (
            token.word in ("bas", "bajo", "basso") and place and (tokens[place - 1].word, token.word) in LOW_SIGNS
        ):
            break
        begin = place
        if place == first or token.gap in _WRITTEN_SIGNS:
            place -= 1
            continue
        step = _back_over_sign(tokens, place)
        if token.gap == " " and step:
            place -= step + 1
        elif token.gap == " " and _chains(tokens, place):
            place -= 1
        else:
            break
    if begin > last:
        return None
    return Figures(begin, last + 1, _written(tokens, begin, last + 1))


def _back_over_sign(tokens: list[Token], place: int) -> int:
    """How many tokens before this one are a spoken sign that has a word before it."""
    if place >= 3 and (tokens[place - 2].word, tokens[place - 1].word) in LOW_SIGNS:
        return 2
    return 1 if place >= 2 and tokens[place - 1].word in SIGNS else 0


def _chains(tokens: list[Token], place: int) -> bool:
    """Whether this token goes on from the one before: figures after anything short, letters after letters."""
    before = tokens[place - 1].word
    if before in _JOINS:
        return place >= 2 and _is_number(tokens, place) and _is_number(tokens, place - 2)
    if tokens[place].word in _JOINS:
        return place >= 1 and _is_number(tokens, place - 1)
    if _is_number(tokens, place):
        return _is_number(tokens, place - 1) or (before.isalpha() and before not in _NOBODY)
    return len(tokens[place].word) == 1 and len(before) == 1


def _is_number(tokens: list[Token], at: int) -> bool:
    return tokens[at].word in known() or tokens[at].word.isdecimal()


def _written(tokens: list[Token], first: int, last: int) -> str:
    parts: list[str] = []
    place = first
    while place < last:
        token = tokens[place]
        if place > first and token.gap in _WRITTEN_SIGNS:
            parts.append(token.gap)
        if (token.word, tokens[place + 1].word if place + 1 < last else "") in LOW_SIGNS:
            parts.append("_")
            place += 2
        elif token.word in SIGNS and first < place < last - 1:
            parts.append(SIGNS[token.word])
            place += 1
        else:
            text, place = _piece(tokens, place)
            parts.append(text)
    return "".join(parts)


def _piece(tokens: list[Token], at: int) -> tuple[str, int]:
    """The token as it is written: its figures when it says a number."""
    numbers = [number for language in languages() if (number := number_at(tokens, at, language))]
    return max(numbers, key=lambda number: number[1], default=(tokens[at].word, at + 1))
