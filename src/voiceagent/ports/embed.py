"""Embeddings: texts as unit vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EmbedCapabilities:
    """The model's name, the vectors' length, the longest text in tokens (longer ones are cut).

    revision: how it is computed, where that changes the vectors; "" for the one way there is.
    near: spaces of other revisions whose vectors its questions may be compared with until they are made anew.
    """

    model: str
    dimensions: int
    max_tokens: int
    revision: str = ""
    near: tuple[str, ...] = ()

    @property
    def space(self) -> str:
        """Stored with every vector: vectors of two spaces are never ranked together."""
        return f"{self.model}/{self.revision}" if self.revision else self.model


class Embedder(Protocol):
    """Places texts in a space where near means alike."""

    @property
    def capabilities(self) -> EmbedCapabilities: ...

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> tuple[tuple[float, ...], ...]:
        """One vector of unit length a text, in order. query: the texts are questions, not passages. Idempotent.

        Any number of texts: the adapter batches. A query waits for at most one batch of passages.
        Raises Unavailable `embed_unavailable` (retryable).
        """
        ...

    async def close(self) -> None:
        """Give back threads and memory. Idempotent."""
        ...
