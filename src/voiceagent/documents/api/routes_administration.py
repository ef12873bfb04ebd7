"""/api/v1/administration: documents and collections whoever reads them, for those who manage people. No text, no title taken from it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.documents.access.administration import Administration
from voiceagent.documents.api.shapes import CollectionList, CollectionShown, collection_shown
from voiceagent.domain.document import Document, DocumentState, Narrowed
from voiceagent.domain.identity import Principal
from voiceagent.web.answers.paging import Before, Paged, ending
from voiceagent.web.app import Router
from voiceagent.web.auth import require

router: APIRouter = Router(prefix="/api/v1/administration", tags=["documents"])


def administration_of(request: Request) -> Administration:
    """That of the app that the request came to."""
    found: Administration = request.app.state.administration
    return found


Reviewer = Annotated[Principal, Depends(require("users:write", "documents:read"))]
Administrator = Annotated[Principal, Depends(require("users:write", "documents:write"))]
Managed = Annotated[Administration, Depends(administration_of)]


class DocumentKept(BaseModel):
    """A document without anything that was read from it. failure_code: why state is `failed`."""

    document_id: str
    collection_id: str
    file_name: str
    size_bytes: int
    state: str
    failure_code: str | None
    version: int
    reader_ids: list[str]
    uploaded_by: str
    created_at: datetime
    updated_at: datetime


class DocumentKeptList(Paged):
    """A page of documents, newest first."""

    items: list[DocumentKept]


class Readers(BaseModel):
    """Who alone may read from now on; nobody named means, of a document, whoever may read its collection, of a collection, everybody."""

    model_config = ConfigDict(extra="forbid")
    reader_ids: list[str] = Field(max_length=1_000)


@router.get("/documents")
async def list_kept_documents(
    caller: Reviewer,
    managed: Managed,
    before: Before,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    collection_id: Annotated[str | None, Query(max_length=128)] = None,
    state: DocumentState | None = None,
) -> DocumentKeptList:
    """The documents of the organisation, those too that the caller may not read."""
    wanted = Narrowed(collection_id, states=(state,) if state else None)
    found = await managed.page(caller, before=before, limit=limit, wanted=wanted)
    return DocumentKeptList(items=[_shown(one) for one in found], **ending([one.place for one in found], limit))


@router.put("/documents/{document_id}/readers")
async def change_document_readers(
    document_id: str, wanted: Readers, caller: Administrator, managed: Managed
) -> DocumentKept:
    """Change who reads a document. It is found again, by the new readers alone, as soon as it is indexed again."""
    return _shown(await managed.name_readers(caller, document_id, frozenset(wanted.reader_ids)))


@router.delete("/documents/{document_id}", status_code=204)
async def delete_kept_document(document_id: str, caller: Administrator, managed: Managed) -> None:
    """Remove a document and every copy of it, whoever reads it."""
    await managed.delete(caller, document_id)


@router.get("/collections")
async def list_kept_collections(caller: Reviewer, managed: Managed) -> CollectionList:
    """The collections of the organisation, those too that the caller may not read."""
    return CollectionList(items=[collection_shown(one) for one in await managed.collections(caller)])


@router.put("/collections/{collection_id}/readers")
async def change_collection_readers(
    collection_id: str, wanted: Readers, caller: Administrator, managed: Managed
) -> CollectionShown:
    """Change who searches a collection; searches follow at once."""
    readers = frozenset(wanted.reader_ids)
    return collection_shown(await managed.name_readers_of_collection(caller, collection_id, readers))


def _shown(document: Document) -> DocumentKept:
    return DocumentKept(
        document_id=document.document_id,
        collection_id=document.collection_id,
        file_name=document.file_name,
        size_bytes=document.size_bytes,
        state=document.state,
        failure_code=document.failure_code,
        version=document.version,
        reader_ids=sorted(document.reader_ids),
        uploaded_by=document.uploaded_by,
        created_at=document.created_at,
        updated_at=document.updated_at,
    )
