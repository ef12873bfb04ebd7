"""Documents, collections and passages as the management API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.documents.service import DocumentService
from voiceagent.domain.document import READERS_KEY, Box, Collection, Document, Passage
from voiceagent.web.answers.paging import Paged

_INSIDE = {READERS_KEY}


class DocumentShown(BaseModel):
    """A document and what became of it. progress: 0 to 1.  failure_code: why state is `failed`."""

    document_id: str
    collection_id: str
    title: str
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str
    state: str
    progress: float
    failure_code: str | None
    failure_message: str | None
    version: int
    kind: str
    kind_confidence: float
    language: str
    page_count: int
    word_count: int
    reader_ids: list[str]
    metadata: dict[str, object]
    created_at: datetime
    updated_at: datetime


class DocumentList(Paged):
    """A page of documents, newest first."""

    items: list[DocumentShown]


class CollectionWanted(BaseModel):
    """A collection to make or change. reader_ids: who may search it; nobody named means everybody in the organisation."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")
    reader_ids: list[str] = Field(default=[], max_length=1_000)


class CollectionShown(BaseModel):
    """A collection."""

    collection_id: str
    name: str
    reader_ids: list[str]
    created_at: datetime


class CollectionList(BaseModel):
    """Every collection that the caller may read, by name."""

    items: list[CollectionShown]


class SearchWanted(BaseModel):
    """What to look for. collection_ids: null means every collection that the caller may read.

    neighbours: so many chunks before and after each one found are joined to it; a passage then spans them.
    """

    model_config = ConfigDict(extra="forbid")
    query: str = Field(min_length=1, max_length=4_000)
    limit: int = Field(default=5, ge=1, le=50)
    collection_ids: list[str] | None = Field(default=None, max_length=100)
    kinds: list[str] = Field(default=[], max_length=50)
    languages: list[str] = Field(default=[], max_length=50)
    after: datetime | None = None
    before: datetime | None = None
    neighbours: int = Field(default=0, ge=0, le=4)


class BoxShown(BaseModel):
    """Where a line stands: points (1/72 inch) from the upper left corner of the page as it is shown; x1, y1 is its lower right corner.

    start, end: the characters of the document's text that it holds.
    """

    page: int
    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


class PassageShown(BaseModel):
    """A passage: page counts from 1, start and end are character offsets in the document's text. boxes: its lines on their pages."""

    document_id: str
    collection_id: str
    chunk_id: str
    title: str
    heading: str
    page: int
    start: int
    end: int
    text: str
    score: float
    boxes: list[BoxShown] = []


class PassageList(BaseModel):
    """The passages found, best first."""

    items: list[PassageShown]


def service_of(request: Request) -> DocumentService:
    """The service of the app that the request came to."""
    service: DocumentService = request.app.state.service
    return service


def document_shown(document: Document) -> DocumentShown:
    readers = document.metadata.get(READERS_KEY)
    return DocumentShown(
        document_id=document.document_id,
        collection_id=document.collection_id,
        title=document.title,
        file_name=document.file_name,
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        sha256=document.blob_sha256,
        state=document.state,
        progress=document.progress,
        failure_code=document.failure_code,
        failure_message=document.failure_message,
        version=document.version,
        kind=document.kind,
        kind_confidence=document.kind_confidence,
        language=document.language,
        page_count=document.page_count,
        word_count=document.word_count,
        reader_ids=[str(one) for one in readers] if isinstance(readers, list) else [],
        metadata={name: value for name, value in document.metadata.items() if name not in _INSIDE},
        created_at=document.created_at,
        updated_at=document.updated_at,
    )


def collection_shown(collection: Collection) -> CollectionShown:
    return CollectionShown(
        collection_id=collection.collection_id,
        name=collection.name,
        reader_ids=sorted(collection.reader_ids),
        created_at=collection.created_at,
    )


def boxes_shown(boxes: Iterable[Box]) -> list[BoxShown]:
    return [BoxShown.model_validate(asdict(box)) for box in boxes]


def passage_shown(passage: Passage) -> PassageShown:
    chunk = passage.chunk
    return PassageShown(
        document_id=chunk.document_id,
        collection_id=chunk.collection_id,
        chunk_id=chunk.chunk_id,
        title=passage.title,
        heading=chunk.heading,
        page=chunk.page,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        score=round(passage.score, 4),
        boxes=boxes_shown(chunk.boxes),
    )
