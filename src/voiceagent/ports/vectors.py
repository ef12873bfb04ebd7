"""Search by words and by meaning over the chunks of documents. Tenants never meet; rights are part of every query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from voiceagent.domain.document import Chunk, Passage
from voiceagent.ports.keys import Rewrapped

SearchMode = Literal["fused", "words", "meaning"]


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """What a query can filter by. reader_ids: subjects that may find it; empty means everybody who may read the collection."""

    document_id: str
    collection_id: str
    title: str
    kind: str = ""
    language: str = ""
    dated: datetime | None = None
    reader_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A chunk and its vector of unit length, of the model named beside it."""

    chunk: Chunk
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """What to find. vector: of unit length, () to search by words only.

    collection_ids: only these, none of them named means nothing is found.  reader_id: who asks.  kinds, languages: () means any.
    document_ids: only these, None means any.
    after, before: bounds of the document's date, inclusive and exclusive; documents without a date are outside of any bound.
    neighbours: so many chunks before and after each one found come with it, as `Passage.around`.
    """

    text: str
    vector: tuple[float, ...]
    collection_ids: tuple[str, ...]
    reader_id: str
    limit: int = 5
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    mode: SearchMode = "fused"
    neighbours: int = 0
    document_ids: tuple[str, ...] | None = None


class Scrubbed(Protocol):
    """Something whose removed data leaves traces until they are overwritten."""

    async def scrub(self, tenant_id: str) -> None:
        """Overwrite or give back the places where forgotten documents of the tenant stood, as far as this index can. Takes a while; idempotent."""
        ...


class VectorStore(Scrubbed, Rewrapped, Protocol):
    """An index that can be built again from the documents. Vectors of several models may stand side by side for one document."""

    async def put(
        self, tenant_id: str, model: str, document: IndexedDocument, chunks: tuple[IndexedChunk, ...]
    ) -> None:
        """Replace everything known of the document by these chunks, whole or not at all; searches see either the old or the new.

        Chunks that are the same as before keep the vectors that other models gave them. Durable when it returns. Idempotent.
        Raises InvalidInput `bad_vector` for vectors of unlike lengths, Unavailable `vectors_unavailable`, StorageFull `storage_full`.
        """
        ...

    async def search(self, tenant_id: str, model: str, query: VectorQuery) -> tuple[Passage, ...]:
        """At most `query.limit` passages, best first, none that the filter excludes. An unknown tenant finds nothing.

        Chunks that have no vector of `model` yet are found by their words. Raises Unavailable `vectors_unavailable`.
        """
        ...

    async def delete(self, tenant_id: str, document_id: str) -> bool:
        """Forget the document: its chunks, words and vectors; False when there was none. Idempotent."""
        ...

    async def drop(self, tenant_id: str, model: str | None = None) -> None:
        """Forget every vector of `model`, or with None everything of the tenant. Idempotent."""
        ...

    async def ready(self) -> bool:
        """Whether it would answer now. Bounded to 2 s; never raises."""
        ...

    async def close(self) -> None:
        """Give back files, threads and connections. Idempotent; later calls raise Unavailable."""
        ...
