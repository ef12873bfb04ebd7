"""Two places of one embedding model: the second is asked when the first does not answer. Knows nothing of either."""

from __future__ import annotations

import asyncio

from voiceagent.kit.calls.rest import Rest
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Misconfigured, RateLimited, Unavailable
from voiceagent.ports.embed import EmbedCapabilities, Embedder

QUERY_S, BATCH_S = 2.0, 60.0
"""Longest wait for the first: a question has a caller who waits, passages have none."""


class FallbackEmbedder:
    """Implements ports.embed.Embedder. Raises Misconfigured `fallback_differs` unless both are the same model: vectors of two models
    cannot be compared."""

    def __init__(self, first: Embedder, second: Embedder, clock: Clock | None = None) -> None:
        one, other = first.capabilities, second.capabilities
        if (one.model, one.dimensions) != (other.model, other.dimensions):
            raise Misconfigured("fallback_differs", "embed.fallback_url has another model than embed.url")
        self._first = first
        self._second = second
        self._rest = Rest(clock)

    @property
    def capabilities(self) -> EmbedCapabilities:
        return self._first.capabilities

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> tuple[tuple[float, ...], ...]:
        if self._rest.over:
            try:
                async with asyncio.timeout(QUERY_S if query else BATCH_S):
                    vectors = await self._first.embed(texts, query=query)
                self._rest.worked()
                return vectors
            except (Unavailable, RateLimited, Misconfigured, TimeoutError):
                self._rest.failed()
        return await self._second.embed(texts, query=query)

    async def close(self) -> None:
        await self._first.close()
        await self._second.close()
