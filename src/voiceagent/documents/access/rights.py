"""What a caller may see, asked within a transaction: collections first, then the readers that a document names itself. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from voiceagent.documents.parts import may_search
from voiceagent.domain.document import DEFAULT_COLLECTION_ID, Collection, Document, Narrowed
from voiceagent.domain.identity import Principal
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import NotFound
from voiceagent.ports.store import UnitOfWork

_ROWS = 200
"""Documents that are read at a time: their words are opened on the loop, which shall do something else in between."""


async def readable(work: UnitOfWork, principal: Principal, document_id: str, *, hold: bool = False) -> Document:
    """The document, held as ports.library says. Raises NotFound `document_not_found`, also for one that the caller may not read."""
    document = await work.documents.get(document_id, hold=hold)
    collection = await work.collections.get(document.collection_id)
    if not may_search(principal, collection) or not may_read(principal, document):
        raise NotFound("document_not_found", "there is no such document", param="document_id")
    return document


async def readable_of(work: UnitOfWork, principal: Principal, document_ids: Iterable[str]) -> dict[str, Document]:
    """Those of the documents that there are and that the caller may read, by id."""
    collections: dict[str, Collection] = {}
    found: dict[str, Document] = {}
    for document_id in document_ids:
        with suppress(NotFound):
            document = await work.documents.get(document_id)
            collection_id = document.collection_id
            if collection_id not in collections:
                collections[collection_id] = await work.collections.get(collection_id)
            if may_search(principal, collections[collection_id]) and may_read(principal, document):
                found[document_id] = document
    return found


async def readable_page(
    work: UnitOfWork, principal: Principal, *, before: Place | None, limit: int, wanted: Narrowed
) -> tuple[Document, ...]:
    """At most `limit` of the wanted documents, those that the caller may read, newest first, from `before` on."""
    found: list[Document] = []
    readable_ids = {one.collection_id for one in await searchable(work, principal, wanted.collection_id)}
    count = min(limit, _ROWS)
    while len(found) < limit:
        rows = await work.documents.page(before=before, limit=count, wanted=wanted)
        found += [row for row in rows if row.collection_id in readable_ids and may_read(principal, row)]
        if len(rows) < count:
            break
        before, count = rows[-1].place, _ROWS
    return tuple(found[:limit])


async def searchable(work: UnitOfWork, principal: Principal, only: str | None) -> tuple[Collection, ...]:
    """The collections that the caller may search, or the one named. Raises NotFound `collection_not_found`.

    One is looked up by itself: an organisation may have thousands. The one that every organisation has may not be stored yet.
    """
    if only is None:
        return tuple(one for one in await work.collections.all() if may_search(principal, one))
    try:
        found = await work.collections.get(only)
    except NotFound:
        if only == DEFAULT_COLLECTION_ID:
            return ()
        raise no_collection() from None
    if not may_search(principal, found):
        raise no_collection()
    return (found,)


def may_read(principal: Principal, document: Document) -> bool:
    """Of a document in a collection that the caller may search."""
    return not document.reader_ids or principal.subject in document.reader_ids


def rights_of(document: Document) -> tuple[str, frozenset[str]]:
    """What decides who finds it; where it changes, what stands in the index lets the wrong ones in."""
    return document.collection_id, document.reader_ids


def no_collection() -> NotFound:
    return NotFound("collection_not_found", "there is no such collection", param="collection_id")
