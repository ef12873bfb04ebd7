"""All places of one embedding model as one. Knows none of them."""

from __future__ import annotations

from collections.abc import Sequence

from voiceagent.adapters.providers.calls import Call, first_answer
from voiceagent.adapters.providers.pool import ANYBODY, Pool
from voiceagent.domain.routing.choice import Policy
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.ports.embed import EmbedCapabilities, Embedder

QUERY_S, BATCH_S = 2.0, 60.0
"""Longest wait for all places but the last: a question has a caller who waits, passages have none."""

Vectors = tuple[tuple[float, ...], ...]


class RoutedEmbedder:
    """Implements ports.embed.Embedder."""

    def __init__(self, pool: Pool[Embedder], capabilities: EmbedCapabilities) -> None:
        """capabilities: of the model that every place serves."""
        self.pool = pool
        self._capabilities = capabilities

    @property
    def capabilities(self) -> EmbedCapabilities:
        return self._capabilities

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> Vectors:
        """As ports.embed; raises RateLimited, too, while every place has asked us to wait."""
        seats = self.pool.serving(ANYBODY)
        if not seats:
            raise Unavailable("embed_unavailable", "every place of the embedding model is switched off")
        within_s = QUERY_S if query else BATCH_S
        share_s = 0.0 if query else BATCH_S  # batches take as long as they take
        call: Call[Embedder, Vectors] = Call(lambda part: part.embed(texts, query=query), within_s, share_s)
        _, vectors = await first_answer(self.pool, seats, call)
        return vectors

    async def close(self) -> None:
        await self.pool.close()


def routed_embedder(first: Embedder, *, clock: Clock, policy: Policy = "priority") -> RoutedEmbedder:
    """All places of the model of the first."""
    return RoutedEmbedder(Pool("embed", policy=policy, clock=clock, check=same_model), first.capabilities)


def same_model(others: Sequence[Embedder], one: Embedder) -> None:
    """Raises Misconfigured `fallback_differs` unless `one` is another place of the same model: vectors of two models cannot be compared."""
    known, new = others[0].capabilities, one.capabilities
    revisions = {known.revision, new.revision} - {""}
    if (known.model, known.dimensions) != (new.model, new.dimensions) or len(revisions) > 1:
        raise Misconfigured(
            "fallback_differs",
            f"an embedding provider serves {new.model} in {new.dimensions} dimensions, the others {known.model} in {known.dimensions}",
        )
