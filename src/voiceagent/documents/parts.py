"""What the document module is built from, the names of its blobs and jobs, and its limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from voiceagent.documents.parsed import ParsedDocument, Span
from voiceagent.documents.retrieval.order import Reranking
from voiceagent.documents.retrieval.spaces import Spaces
from voiceagent.documents.sandbox import Sandbox
from voiceagent.domain.document import READERS_KEY, Box, Collection, Document, Page
from voiceagent.domain.erasure import SubjectNames
from voiceagent.domain.identity import Principal
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import InvalidInput
from voiceagent.ports.blobs import BlobStore
from voiceagent.ports.bus import Bus
from voiceagent.ports.cache import Cache
from voiceagent.ports.embed import Embedder
from voiceagent.ports.llm import LanguageModel
from voiceagent.ports.store import Store
from voiceagent.ports.vectors import VectorStore

INGEST, ERASE = "document_ingest", "document_erase"
KINDS_SETTING = "document_kinds"
MODEL_KEY, FORMAT_KEY, ATTRIBUTES_KEY, PURPOSE_KEY = "embedding_model", "format", "attributes", "purpose"
PASSWORD_TTL_S = 3_600.0


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """What one upload and one organisation may use."""

    file_bytes: int = 100 * 1024 * 1024
    documents: int = 100_000
    document_bytes: int = 100 * 1024**3
    search_results: int = 50


@dataclass(frozen=True, slots=True)
class DocumentParts:
    """The ports that the document module works with. cache keeps passwords of encrypted files until they are read, at most an hour.

    names: refuse what people bring who were erased meanwhile; None: nobody is ever.  masked: what texts go through before they are indexed.
    llm: asked for the kind of a document; None: examples decide alone.  embedder_before: made the stored vectors that are not yet made anew.
    """

    store: Store
    blobs: BlobStore
    vectors: VectorStore
    embedder: Embedder
    bus: Bus
    cache: Cache
    sandbox: Sandbox = field(default_factory=Sandbox)
    clock: Clock = field(default_factory=SystemClock)
    limits: DocumentLimits = field(default_factory=DocumentLimits)
    reranking: Reranking = field(default_factory=Reranking)
    names: SubjectNames | None = None
    masked: Callable[[str], str] | None = None
    llm: LanguageModel | None = None
    embedder_before: Embedder | None = None

    @property
    def spaces(self) -> Spaces:
        return Spaces(self.embedder, self.embedder_before)


class Copies(Protocol):
    """Where copies of a document lie besides its row."""

    @property
    def blobs(self) -> BlobStore: ...
    @property
    def vectors(self) -> VectorStore: ...
    @property
    def cache(self) -> Cache: ...


def file_blob(tenant_id: str, document: Document) -> str:
    """Where the uploaded bytes lie: the name holds document, version and hash, so that no two documents ever share a blob."""
    return f"{tenant_id}/documents/{document.document_id}.{document.version}.{document.blob_sha256}"


def text_blob(tenant_id: str, document: Document) -> str:
    """Where the text that was read lies."""
    return f"{tenant_id}/texts/{document.document_id}.{document.version}.json"


def password_key(tenant_id: str, document_id: str) -> str:
    return f"document-password:{tenant_id}:{document_id}"


def is_of_model(document: Document, model: str) -> bool:
    """Whether the document is indexed with the embedding model of that name."""
    return document.metadata.get(MODEL_KEY) == model


def with_attributes(document: Document, attributes: object) -> Document:
    """The document with what callers say of it; without any for None."""
    told = {} if attributes is None else {ATTRIBUTES_KEY: attributes}
    return replace(
        document,
        metadata={name: document.metadata[name] for name in document.metadata if name != ATTRIBUTES_KEY} | told,
    )


def read_by(document: Document, reader_ids: frozenset[str]) -> Document:
    """The document with these alone as its readers; with none, whoever may read its collection."""
    return replace(document, metadata={**document.metadata, READERS_KEY: sorted(reader_ids)})


def as_now(ready: Document, now: Document) -> Document:
    """A document that was read, with what callers say of it by now. Whose rights were changed meanwhile is read again (jobs/anew.py)."""
    return with_attributes(ready, now.metadata.get(ATTRIBUTES_KEY))


def own_kinds(told: dict[str, object] | None) -> dict[str, tuple[str, ...]]:
    """The labels that a tenant has taught by example, as they stand in its settings."""
    return {
        label: tuple(str(one) for one in examples)
        for label, examples in (told or {}).items()
        if isinstance(examples, list) and examples
    }


def may_search(principal: Principal, collection: Collection) -> bool:
    return not collection.reader_ids or principal.subject in collection.reader_ids


def packed(document: ParsedDocument) -> bytes:
    """A read document as bytes for `text_blob`."""
    return json.dumps(
        {
            "pages": [[page.number, page.text, page.start, page.width, page.height] for page in document.pages],
            "spans": [[span.kind, span.level, span.start, span.end] for span in document.spans],
            "text": document.text,
            "properties": document.properties,
            "hidden": document.hidden,
            "boxes": [[box.page, box.start, box.end, box.x0, box.y0, box.x1, box.y1] for box in document.boxes],
        },
        separators=(",", ":"),
    ).encode()


def unpacked(data: bytes) -> ParsedDocument:
    """What `packed` made, this version's or an earlier one's without boxes. Raises InvalidInput `bad_text_blob`."""
    try:
        told = json.loads(data)
        pages = tuple(Page(*page) for page in told["pages"])
        spans = tuple(Span(kind, level, start, end) for kind, level, start, end in told["spans"])
        boxes = tuple(Box(*box) for box in told.get("boxes", ()))
        return ParsedDocument(told["text"], pages, spans, dict(told["properties"]), dict(told["hidden"]), boxes)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput("bad_text_blob", "the stored text cannot be read; index the document again") from error
