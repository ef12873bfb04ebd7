"""What kind of document it is: near to which examples it lies, helped by the marks that such documents bear. Kinds can be added by example."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voiceagent.documents.judge import Judge
from voiceagent.documents.kinds.cues import points_of
from voiceagent.documents.kinds.examples import EXAMPLES, NONE_OF_THEM, OTHER
from voiceagent.ports.embed import Embedder
from voiceagent.ports.llm import LanguageModel

Vector = tuple[float, ...]
Floats = NDArray[np.float32]
"""Rows of unit length."""

_POINT, _MOST_POINTS = 0.05, 8.0
"""What a mark is worth beside a cosine, and how many count. Measured (bench/kinds): 0.05 to 0.06 with 6 to 10 points are equally good."""

_FORMAL = frozenset({"contract", "invoice", "letter", "form", "cv", "email"})
_FEW_POINTS, _WITHOUT_MARKS = 3.0, -0.1
"""A kind with an outward form is seldom without its marks: a text about loans is no contract. Measured on 300 texts of a bank, of science and of an
encyclopedia: 56 were told as a wrong kind without this, 30 with it."""

_AGAINST_TAUGHT, _FOR_TAUGHT, _LEAST_TAUGHT = 0.1, 0.05, 0.26
"""A label that a tenant has taught has no marks of its own. So those of the others are worth little against it, it is favoured by one, and it need
only be near. Measured on five taught labels (bench/kinds): with these three 9 of their 12 documents are found and few others taken."""

_NO_KIND = 0.1
"""How much nearer to a kind than to texts of no kind a document must be that bears no marks. Measured: 0.05 to 0.15 are nearly equal."""

_NEAREST = 2
"""Examples of a kind that count, the nearest ones: a kind has several looks."""

_SHARPNESS = 14.0
_LEAD_CHARS = 6_000
_JUDGED = 0.6
"""How sure a model's word is that nothing else supports."""

_HOME: dict[str, str] = {"eml": "email"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A label and how sure it is, 0 to 1."""

    label: str
    confidence: float


class Classifier:
    """Keeps the examples as vectors of one embedding model. Labels of a tenant come with each call: they are few and change seldom."""

    def __init__(self, embedder: Embedder, llm: LanguageModel | None = None) -> None:
        """llm: asked first; the examples decide what it does not."""
        self._embedder = embedder
        self._judge = Judge(llm) if llm is not None else None
        self._built_in: dict[str, Floats] = {}
        self._embedding = asyncio.Lock()
        self._centres: dict[tuple[str, ...], Floats] = {}

    async def kind_of(
        self, lead: tuple[Vector, ...], text: str, format_name: str, own: Mapping[str, tuple[str, ...]]
    ) -> Kind:
        """The kind of a document. lead: vectors of its first chunks.  own: the tenant's labels with examples; they win over ours of the same name.

        Raises Unavailable `embed_unavailable`.
        """
        if format_name in _HOME:
            return Kind(_HOME[format_name], 0.99)
        vectors = np.asarray(lead, np.float32)
        marks = _marks(text[:_LEAD_CHARS])
        built_in = {
            label: rows for label, rows in (await self._examples()).items() if label not in own or label == OTHER
        }
        near = {label: _near(vectors, rows) for label, rows in built_in.items()}
        taught = {
            label: _near(vectors, await self._centre(examples)) + max(marks.get(label, 0.0), 0.0)
            for label, examples in own.items()
        }
        by_examples = _told(near, marks, taught)
        if self._judge is None:
            return by_examples
        labels = {**EXAMPLES, **own, OTHER: ("none of the above",)}
        return _judged(await self._judge.label_of(text, labels), by_examples)

    async def _examples(self) -> dict[str, Floats]:
        """Those built in, embedded once, with the first document."""
        async with self._embedding:
            if not self._built_in:
                kinds = {**EXAMPLES, OTHER: NONE_OF_THEM}
                vectors = await self._embedder.embed(tuple(text for texts in kinds.values() for text in texts))
                rows = iter(np.asarray(vectors, np.float32))
                self._built_in = {label: np.stack([next(rows) for _ in texts]) for label, texts in kinds.items()}
        return self._built_in

    async def _centre(self, examples: tuple[str, ...]) -> Floats:
        """The middle of a tenant's examples, one row."""
        known = self._centres.get(examples)
        if known is None:
            summed = np.asarray(await self._embedder.embed(examples), np.float32).sum(axis=0, keepdims=True)
            known = self._centres[examples] = summed / (float(np.linalg.norm(summed)) or 1.0)
        return known


def _judged(label: str | None, by_examples: Kind) -> Kind:
    """The model's word; it is surer where the examples say the same."""
    if label is None:
        return by_examples
    if label == by_examples.label:
        return Kind(label, round(1.0 - (1.0 - by_examples.confidence) * (1.0 - _JUDGED), 3))
    return Kind(label, _JUDGED)


def _marks(text: str) -> dict[str, float]:
    """What the marks of each kind add to its cosine."""
    worth = {OTHER: _NO_KIND}
    for kind, points in points_of(text).items():
        is_bare = kind in _FORMAL and points < _FEW_POINTS
        worth[kind] = _POINT * min(points, _MOST_POINTS) + (_WITHOUT_MARKS if is_bare else 0.0)
    return worth


def _near(lead: Floats, rows: Floats) -> float:
    """How near the nearest chunk lies to the nearest examples: a cosine."""
    if not lead.size:
        return 0.0
    nearest = np.sort(lead @ rows.T, axis=1)[:, -_NEAREST:]
    return float(nearest.mean(axis=1).max())


def _told(near: dict[str, float], marks: dict[str, float], taught: dict[str, float]) -> Kind:
    """A label that was taught, when it is near and the marks of the others count little; otherwise what nearness and all marks say."""
    close = {label: score for label, score in taught.items() if score >= _LEAST_TAUGHT}
    held_back = {label: near[label] + min(marks[label], _AGAINST_TAUGHT) for label in near if label != OTHER}
    held_back |= {label: score + _FOR_TAUGHT for label, score in close.items()}
    if close and max(held_back, key=lambda label: held_back[label]) in close:
        return _decided(held_back)
    return _decided({label: score + marks[label] for label, score in near.items()} | close)


def _decided(scores: dict[str, float]) -> Kind:
    best = max(scores, key=lambda label: scores[label])
    total = sum(math.exp(_SHARPNESS * (score - scores[best])) for score in scores.values())
    return Kind(best, round(1.0 / total, 3))
