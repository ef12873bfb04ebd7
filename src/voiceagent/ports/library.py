"""Repositories of documents and collections, of the tenant of the unit of work (ports/store.py). Text and vectors live elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from voiceagent.domain.document import ALL, Collection, Document, Narrowed, Tally
from voiceagent.domain.paging import Place


class DocumentRows(Protocol):
    """Documents and what became of them."""

    async def get(self, document_id: str, *, hold: bool = False) -> Document:
        """The document. Raises NotFound `document_not_found`.

        hold: nobody else changes it before this transaction ends, so that what is put then undoes no change of another.
        """
        ...

    async def put(self, document: Document) -> None:
        """Store or replace by id. Raises NotFound `collection_not_found`. Idempotent."""
        ...

    async def page(self, *, before: Place | None, limit: int, wanted: Narrowed = ALL) -> tuple[Document, ...]:
        """At most `limit` documents that stand before `before`, newest first; of those created at the same moment the higher id first.

        With `wanted.oldest_first` the other way round: those that stand after `before`, the oldest and of one moment the lower id first.

        before: the place of the last document of the page before; (moment, "") for those created before that moment.
        """
        ...

    async def by_sha256(self, blob_sha256: str) -> tuple[Document, ...]:
        """The documents with these bytes, oldest first."""
        ...

    async def totals(self) -> tuple[int, int]:
        """How many documents there are and how many bytes their files have. Transactions that ask for it and then write take turns."""
        ...

    async def delete(self, document_id: str) -> bool:
        """Remove the row; False when there was none."""
        ...


class Collections(Protocol):
    """Collections and who may read them."""

    async def get(self, collection_id: str) -> Collection:
        """The collection. Raises NotFound `collection_not_found`."""
        ...

    async def put(self, collection: Collection) -> None:
        """Store or replace by id. Idempotent."""
        ...

    async def all(self) -> tuple[Collection, ...]:
        """Every collection, by name."""
        ...

    async def tallies(self, collection_ids: Sequence[str]) -> tuple[Tally, ...]:
        """What is in these collections, without opening a document. One that an earlier version stored may stand among those not open."""
        ...

    async def delete(self, collection_id: str) -> bool:
        """Remove it; False when there was none. Raises Conflict `collection_not_empty` while a document is in it."""
        ...
