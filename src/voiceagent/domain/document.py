"""Documents, their pages and chunks, and the passages that a search returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from voiceagent.domain.paging import Place

DocumentState = Literal["queued", "parsing", "embedding", "ready", "failed"]

DEFAULT_COLLECTION_ID = "col_default"
"""The collection that every organisation has; it is stored when the first document comes."""
READERS_KEY = "reader_ids"
"""Under it a document's metadata lists who alone may read it."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of documents with rights of its own. reader_ids: subjects that may search it; empty means the whole tenant."""

    collection_id: str
    name: str
    created_at: datetime
    reader_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Document:
    """An uploaded file and what became of it. blob_sha256 names its bytes; failure_code says why state is `failed`.

    uploaded_by: the subject who brought this version, "" when that is not known any more.
    """

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
    uploaded_by: str = ""

    @property
    def place(self) -> Place:
        return self.created_at, self.document_id

    @property
    def reader_ids(self) -> frozenset[str]:
        """Subjects that may find it; empty means everybody who may read its collection."""
        told = self.metadata.get(READERS_KEY)
        return frozenset(str(one) for one in told) if isinstance(told, list) else frozenset()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which documents are listed; None: any. states: those in one of them.  is_open: as in Tally.

    oldest_first: the list is turned round; a page then follows on the place before it all the same.
    """

    collection_id: str | None = None
    kind: str | None = None
    states: tuple[DocumentState, ...] | None = None
    is_open: bool | None = None
    oldest_first: bool = False


ALL = Narrowed()


@dataclass(frozen=True, slots=True)
class Tally:
    """So many documents of one state are in a collection, with files of so many bytes.

    is_open: they name no readers of their own. False is no more than "perhaps": who may read them is asked of each.
    """

    collection_id: str
    state: DocumentState
    is_open: bool
    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Box:
    """Where a line of the text stands. page counts from 1; start and end: the characters of the document's text in it.

    x0, y0, x1, y1: its left, upper, right and lower edge in points (1/72 inch) from the upper left corner of the page as it is shown.
    """

    page: int
    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Page:
    """The text of one page. number counts from 1; start is the offset of its first character in the document's text.

    width, height: in points as the page is shown; 0 for files that have no pages of their own.
    """

    number: int
    text: str
    start: int
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that is searched as one. start and end are offsets in the document's text; page is where most of it
    stands. boxes: its lines on their pages, () when the file does not say where they stand."""

    chunk_id: str
    document_id: str
    collection_id: str
    ordinal: int
    page: int
    start: int
    end: int
    text: str
    heading: str = ""
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that a search found, with its score (higher is better, only comparable within one search).

    around: the chunks before and after it, as far as they were asked for.  pages: where it was joined from several chunks, the offset in
    the document's text at which each begins, and its page.
    """

    chunk: Chunk
    title: str
    score: float
    around: tuple[Chunk, ...] = ()
    pages: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What to look for. collection_ids: None means every collection that the caller may read; the others narrow it.

    document_ids: only these documents, None for any.
    neighbours: how many chunks before and after each one found are joined to it, while all passages together stay within room_chars.
    """

    text: str
    limit: int = 5
    collection_ids: tuple[str, ...] | None = None
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    deadline_s: float = 1.0
    neighbours: int = 0
    room_chars: int = 6_000
    document_ids: tuple[str, ...] | None = None


def page_at(passage: Passage, start: int) -> int:
    """The page on which the character `start` of the document's text stands; as chunks know it, by most of their text."""
    page = passage.chunk.page
    for begins, number in passage.pages:
        if begins <= start:
            page = number
    return page


def boxes_between(boxes: Iterable[Box], start: int, end: int) -> tuple[Box, ...]:
    """The boxes of the characters from start to end. A line of which they are a part is cut as if its characters were equally wide."""
    found = []
    for box in boxes:
        first, last = max(box.start, start), min(box.end, end)
        if first >= last:
            continue
        width = (box.x1 - box.x0) / (box.end - box.start)
        x0, x1 = box.x0 + width * (first - box.start), box.x1 - width * (box.end - last)
        found.append(replace(box, start=first, end=last, x0=round(x0, 1), x1=round(x1, 1)))
    return tuple(found)
