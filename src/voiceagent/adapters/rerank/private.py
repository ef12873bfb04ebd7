"""A reranker that never sees personal data: masks go out in its place, the same ones in the question and in the passages."""

from __future__ import annotations

import asyncio
import time

from voiceagent.domain.pii.replace import replace
from voiceagent.kit.errors import DeadlineExceeded
from voiceagent.ports.rerank import Reranker


class PrivateReranker:
    """Implements ports.rerank.Reranker over `reranker`. What masking takes is a part of the time that a call may take."""

    def __init__(self, reranker: Reranker) -> None:
        self._reranker = reranker

    async def scores(self, question: str, texts: tuple[str, ...], *, within_s: float) -> tuple[float, ...]:
        """As ports.rerank.Reranker.scores."""
        ends_at_s = time.monotonic() + within_s
        try:
            async with asyncio.timeout(within_s):
                question, *rest = await asyncio.to_thread(_masked, (question, *texts))
        except TimeoutError as error:
            raise DeadlineExceeded("rerank_deadline", "masking took longer than the reranking server may") from error
        left_s = max(ends_at_s - time.monotonic(), 0.001)
        return await self._reranker.scores(question, tuple(rest), within_s=left_s)

    async def close(self) -> None:
        """As ports.rerank.Reranker.close."""
        await self._reranker.close()


def _masked(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(replace(text, "mask").text for text in texts)
