"""Documents, their pages and chunks, and the passages that a search returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

DocumentState = Literal["queued", "parsing", "embedding", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of documents with rights of its own. reader_ids: subjects that may search it; empty means the whole tenant."""

    collection_id: str
    name: str
    created_at: datetime
    reader_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Document:
    """An uploaded file and what became of it. blob_sha256 names its bytes; failure_code says why state is `failed`."""

    document_id: str
    collection_id: str
    title: str
    file_name: str
    media_type: str
    size_bytes: int
    blob_sha256: str
    state: DocumentState
    created_at: datetime
    updated_at: datetime
    version: int = 1
    progress: float = 0.0
    failure_code: str | None = None
    failure_message: str | None = None
    kind: str = ""
    kind_confidence: float = 0.0
    language: str = ""
    page_count: int = 0
    word_count: int = 0
    metadata: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """The text of one page. number counts from 1; start is the offset of its first character in the document's text."""

    number: int
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that is searched as one. start and end are offsets in the document's text; page is where most of it
    stands."""

    chunk_id: str
    document_id: str
    collection_id: str
    ordinal: int
    page: int
    start: int
    end: int
    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that a search found, with its score (higher is better, only comparable within one search)."""

    chunk: Chunk
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What to look for. collection_ids: None means every collection that the caller may read; the others narrow it."""

    text: str
    limit: int = 5
    collection_ids: tuple[str, ...] | None = None
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    deadline_s: float = 1.0
