"""Finds the evidence for an answer: words first, then the meaning of the best sentences, within a time. Decides nothing about the reply."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from voiceagent.domain.document import Passage
from voiceagent.engine.grounding.evidence import MEANT, Evidence, candidates
from voiceagent.engine.grounding.tongues.english import ENGLISH
from voiceagent.engine.grounding.tongues.tongue import Tongue
from voiceagent.kit.errors import Problem
from voiceagent.ports.embed import Embedder

_log = structlog.get_logger(__name__)

SURE = 0.5
"""Least score of a sentence that is told as an answer."""
SURE_BY_WORDS = 0.36
"""The same without meaning."""
_KEPT = 64

_Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The best sentence, None without passages; and whether it is sure enough to be told."""

    best: Evidence | None = None
    sure: bool = False


class Judge:
    """embedder: None to go by words alone. Remembers its last verdicts: a question is asked again when its turn is over."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._kept: OrderedDict[_Key, Verdict] = OrderedDict()

    async def verdict(
        self, question: str, passages: Sequence[Passage], *, within_s: float, tongue: Tongue = ENGLISH
    ) -> Verdict:
        """The best sentence for `question`. Later than `within_s`, or when the embedder fails, words alone decide."""
        if not passages:
            return Verdict()
        key = (question, tuple(passage.chunk.chunk_id for passage in passages))
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        found = candidates(question, passages, tongue)
        if not found:
            return Verdict()
        meant = await self._meant(question, found[:MEANT], within_s)
        if meant is None:
            return Verdict(found[0], found[0].score >= SURE_BY_WORDS)
        best = max(meant, key=lambda one: one.score)
        verdict = Verdict(best, best.score >= SURE)
        self._kept[key] = verdict
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return verdict

    async def _meant(self, question: str, found: Sequence[Evidence], within_s: float) -> list[Evidence] | None:
        if self._embedder is None:
            return None
        try:
            async with asyncio.timeout(within_s):
                asked, *vectors = await self._embedder.embed((question, *(one.said for one in found)), query=True)
        except (Problem, TimeoutError) as error:
            _log.warning("evidence_by_words_only", error=type(error).__name__)
            return None
        cosines = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in vectors]
        return [one.meant(cosine) for one, cosine in zip(found, cosines, strict=True)]
