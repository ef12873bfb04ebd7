"""All spoken forms of a text, as rewrites of it."""

from __future__ import annotations

from collections.abc import Iterator

from voiceagent.domain.pii.spoken.emails import email_at
from voiceagent.domain.pii.spoken.numbers import Figures, Token, leading, run_at, tokens_of
from voiceagent.domain.pii.spoken.vocabulary import AT_WORDS, known
from voiceagent.domain.pii.view import Rewrite, View


def read(text: str) -> View:
    """The text with its spoken figures and addresses written out."""
    tokens = tokens_of(text)
    emails = _emails(tokens)
    found = sorted([*emails, *_numbers(tokens, emails)], key=lambda figures: figures.first)
    return View(text, [rewrite for figures in found for rewrite in _written(tokens, figures)])


def _written(tokens: list[Token], figures: Figures) -> Iterator[Rewrite]:
    """Piece by piece, so that a part of what was said in one breath can be found by itself."""
    end: int | None = None
    for piece in figures.pieces or (figures,):
        start = tokens[piece.first].start
        if end is not None:
            yield Rewrite(end, start, piece.joint)
        end = tokens[piece.last - 1].end
        yield Rewrite(start, end, piece.text)


def _emails(tokens: list[Token]) -> list[Figures]:
    found: list[Figures] = []
    for place, token in enumerate(tokens):
        if token.word not in AT_WORDS and "@" not in token.gap:
            continue
        email = email_at(tokens, place)
        if email and (not found or found[-1].last <= email.first):
            found.append(email)
    return found


def _numbers(tokens: list[Token], emails: list[Figures]) -> list[Figures]:
    """Runs of figures outside of the addresses. Each begins at a number word or a little before it."""
    taken = bytearray(len(tokens))
    for email in emails:
        taken[email.first : email.last] = b"\1" * (email.last - email.first)
    found: list[Figures] = []
    free = 0
    said = known()
    for place, token in enumerate(tokens):
        if taken[place]:
            free = place + 1
        if place < free or token.word not in said:
            continue
        stop = taken.find(1, place)
        run, after = run_at(tokens, leading(tokens, place, free))
        if run and (run.last <= stop or stop < 0):
            found.append(run)
        free = max(after, place + 1)
    return found
