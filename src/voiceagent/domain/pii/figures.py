"""Runs of figures as they stand in a text: groups and what separates them. What a run means is the recognisers' business."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from voiceagent.domain.pii.view import View

_RUN = re.compile(r"(?<![^\W_])(?:\+ ?)?\(?\d(?:[ \u00a0\u202f.\-‑–/(),]{0,3}+\d){4,39}+")
_GROUP = re.compile(r"\d{1,40}")
_BLANKS = str.maketrans("\u00a0\u202f‑–", "  --")


@dataclass(frozen=True, slots=True)
class Group:
    """Figures without a separator: view.text[start:end]."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Run:
    """Groups of figures with short separators (one fewer) between them. plus: a + stands before."""

    groups: tuple[Group, ...]
    separators: tuple[str, ...]
    plus: bool
    start: int

    @property
    def digits(self) -> str:
        return "".join(group.text for group in self.groups)

    @property
    def end(self) -> int:
        return self.groups[-1].end

    @property
    def shape(self) -> tuple[int, ...]:
        """How many figures each group has."""
        return tuple(len(group.text) for group in self.groups)

    @property
    def signs(self) -> str:
        """The distinct separators, blanks apart, joined: "-" for 123-45 6789."""
        return "".join(sorted(set("".join(self.separators)) - {" "}))

    def part(self, first: int, last: int) -> Run:
        """Groups first to last (exclusive) as a run."""
        plus = self.plus and first == 0
        start = self.start if first == 0 else self.groups[first].start
        return Run(self.groups[first:last], self.separators[first : last - 1], plus, start)

    def split(self, by: str) -> Iterator[Run]:
        """The parts between separators that have one of the characters of `by`."""
        first = 0
        for place, separator in enumerate(self.separators, start=1):
            if any(char in separator for char in by):
                yield self.part(first, place)
                first = place
        yield self.part(first, len(self.groups))


def runs(view: View) -> tuple[Run, ...]:
    """Every run of five and more figures, not within a word."""
    found = []
    for match in _RUN.finditer(view.text):
        groups = tuple(
            Group(g.group(), g.start(), g.end()) for g in _GROUP.finditer(view.text, match.start(), match.end())
        )
        pairs = pairwise(groups)
        separators = tuple(view.text[left.end : right.start].translate(_BLANKS) for left, right in pairs)
        run = Run(groups, separators, match.group().startswith("+"), match.start())
        tail = view.text[match.end() : match.end() + 1]
        if tail.isalnum() and tail not in "xX" and not _is_even(run):  # the last group goes on as a word
            run = run.part(0, len(groups) - 1) if len(groups) > 1 else run
        found.append(run)
    return tuple(found)


def _is_even(run: Run) -> bool:
    """Several groups of the same length, as on a card: a word that follows without a blank is none of it."""
    return len(run.groups) > 2 and len(set(run.shape)) == 1
