"""Reads labelled texts and scores what `find` makes of them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voiceagent.domain.pii.find import find
from voiceagent.domain.pii.spans import Span

KINDS = {
    "CREDIT_CARD": "card", "IBAN_CODE": "iban", "PHONE_NUMBER": "phone", "EMAIL_ADDRESS": "email", "US_SSN": "us_ssn", "IP_ADDRESS": "ip",
    "PERSON": "person", "STREET_ADDRESS": "address",
}  # fmt: skip
"""Types of the labelled file that we have a kind for; GPE and ZIP_CODE count as part of an address and are not asked for alone."""
_PART_OF_ADDRESS = ("GPE", "ZIP_CODE")


@dataclass(frozen=True, slots=True)
class Label:
    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and what is in it. asked: labels that must be found; allowed: labels that a found span may also lie in."""

    text: str
    asked: tuple[Label, ...]
    allowed: tuple[Label, ...] = ()


def read(file: Path) -> list[Sample]:
    samples = []
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        asked = tuple(Label(KINDS[s["type"]], s["start"], s["end"]) for s in row["spans"] if s["type"] in KINDS)
        allowed = tuple(Label("address", s["start"], s["end"]) for s in row["spans"] if s["type"] in _PART_OF_ADDRESS)
        samples.append(Sample(row["text"], asked, allowed))
    return samples


@dataclass(slots=True)
class Score:
    asked: int = 0
    found: int = 0
    hidden: int = 0
    right: int = 0
    wrong: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.asked if self.asked else float("nan")

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else float("nan")


def score(samples: Iterable[Sample], misses: list[tuple[str, str, str]] | None = None) -> dict[str, Score]:
    """By kind. found: one span of the kind covers 90 % of the label; hidden: spans of any kind do; right: half of the span is in a label of its kind."""
    scores: dict[str, Score] = defaultdict(Score)
    for sample in samples:
        spans = find(sample.text)
        for label in sample.asked:
            entry = scores[label.kind]
            entry.asked += 1
            entry.found += any(s.kind == label.kind and covered(label, (s,)) >= 0.9 for s in spans)
            entry.hidden += covered(label, spans) >= 0.9
            if misses is not None and not any(s.kind == label.kind and covered(label, (s,)) >= 0.9 for s in spans):
                misses.append(("missed " + label.kind, sample.text[label.start : label.end], sample.text))
        for span in spans:
            right = any(
                label.kind == span.kind and within(span, label) >= 0.5 for label in (*sample.asked, *sample.allowed)
            )
            scores[span.kind].right += right
            scores[span.kind].wrong += not right
            if misses is not None and not right:
                misses.append(("wrong " + span.kind, sample.text[span.start : span.end], sample.text))
    return scores


def covered(label: Label, spans: Sequence[Span]) -> float:
    """The share of the label's characters that spans cover."""
    places = set(range(label.start, label.end))
    return 1 - len(places - {p for s in spans for p in range(s.start, s.end)}) / len(places)


def within(span: Span, label: Label) -> float:
    shared = min(span.end, label.end) - max(span.start, label.start)
    return max(0, shared) / (span.end - span.start)


def table(scores: dict[str, Score]) -> str:
    lines = ["| kind | labels | recall | hidden | found | precision |", "|---|---|---|---|---|---|"]
    for kind, entry in sorted(scores.items(), key=lambda item: -item[1].asked):
        hidden = entry.hidden / entry.asked if entry.asked else float("nan")
        lines.append(
            f"| {kind} | {entry.asked} | {entry.recall:.3f} | {hidden:.3f} | {entry.right + entry.wrong} | {entry.precision:.3f} |"
        )
    return "\n".join(lines)


def counted(samples: Iterable[Sample]) -> Counter[str]:
    return Counter(label.kind for sample in samples for label in sample.asked)
