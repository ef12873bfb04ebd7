"""A second look at what a search found: a model that reads question and passage together."""

from __future__ import annotations

from typing import Protocol


class Reranker(Protocol):
    """Scores texts by how well they answer a question."""

    async def scores(self, question: str, texts: tuple[str, ...], *, within_s: float) -> tuple[float, ...]:
        """One finite score a text, in order; higher is better, only comparable within one call. Idempotent. Cancelling ends the call.

        Raises DeadlineExceeded `rerank_deadline` after `within_s` seconds, Unavailable `rerank_unavailable`.
        """
        ...

    async def close(self) -> None:
        """Give back connections. Idempotent; later calls raise Unavailable."""
        ...
