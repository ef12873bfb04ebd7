"""Puts found passages into a reranker's order, if there is one and it is in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from voiceagent.domain.document import Passage
from voiceagent.kit.errors import DeadlineExceeded, Problem
from voiceagent.kit.telemetry import counter
from voiceagent.ports.rerank import Reranker

_log = structlog.get_logger(__name__)

_reranked = counter("voiceagent_documents_reranks_total", "Searches that were put into a reranker's order", ["outcome"])

CANDIDATES = 24
"""So many found passages are read by the reranker."""

_RESERVE_S = 0.01
"""What the rest of a search needs after it."""


@dataclass(frozen=True, slots=True)
class Reranking:
    """reranker: None keeps the order of words and meaning.  within_s: the longest that a search waits for it."""

    reranker: Reranker | None = None
    within_s: float = 0.3

    def fetched(self, wanted: int) -> int:
        """How many passages to fetch so that so many can be chosen."""
        return wanted if self.reranker is None else max(wanted, CANDIDATES)

    async def ordered(self, question: str, found: Sequence[Passage], left_s: float) -> list[Passage]:
        """The passages, best first by the reranker, with its scores; as they are when it fails or is late. left_s: time of the search."""
        within_s = min(self.within_s, left_s - _RESERVE_S)
        if self.reranker is None or len(found) < 2:
            return list(found)
        if within_s <= 0:
            _reranked.labels("late").inc()
            return list(found)
        try:
            texts = tuple(passage.chunk.text for passage in found)
            scores = await self.reranker.scores(question, texts, within_s=within_s)
        except Problem as problem:
            _log.warning("rerank_failed", code=problem.code)
            _reranked.labels("late" if isinstance(problem, DeadlineExceeded) else "failed").inc()
            return list(found)
        _reranked.labels("done").inc()
        ranked = [replace(one, score=score) for one, score in zip(found, scores, strict=True)]
        return sorted(ranked, key=lambda one: -one.score)
