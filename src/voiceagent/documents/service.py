"""The documents of a tenant: add, replace, read, delete, index again. Everything acknowledged is a row; the work itself is done by the worker."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO

import structlog

from voiceagent.documents.access.counts import Counts
from voiceagent.documents.access.readers import refuse_unknown
from voiceagent.documents.access.rights import may_read, no_collection, readable, readable_of, readable_page, searchable
from voiceagent.documents.formats import HEAD_BYTES, format_of
from voiceagent.documents.jobs.anew import leave_index
from voiceagent.documents.jobs.orders import erase_job, ingest_job
from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.parts import (
    FORMAT_KEY,
    KINDS_SETTING,
    PASSWORD_TTL_S,
    PURPOSE_KEY,
    Copies,
    DocumentParts,
    file_blob,
    may_search,
    own_kinds,
    password_key,
    read_by,
    text_blob,
    unpacked,
    with_attributes,
)
from voiceagent.documents.search import Searcher
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.document import (
    DEFAULT_COLLECTION_ID,
    Collection,
    Document,
    Narrowed,
    Passage,
    SearchQuery,
)
from voiceagent.domain.identity import Principal
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import Conflict, Forbidden, InvalidInput, NotFound, Problem, TooLarge
from voiceagent.kit.ids import new_id
from voiceagent.kit.offload import Offload
from voiceagent.ports.blobs import BlobLinks
from voiceagent.ports.erasure import refuse_erased
from voiceagent.ports.store import UnitOfWork

Attributes = Mapping[str, object] | None
"""What callers say of a document from now on; None changes nothing."""
_log = structlog.get_logger(__name__)
_READING = Offload("document-reading", threads=2, queue=256)
"""A text of thousands of pages takes tenths of a second, in which the loop would do nothing else."""
_PIECE_BYTES = 1024 * 1024
_SPOOL_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it comes in. replaces: the document of which it is a new version.  password: of an encrypted file.

    reader_ids: who alone may read it, empty for whoever may read its collection; None: those of the version before, if any.
    purpose: what OpenAI's clients say it is for, "" where nobody says.
    """

    file_name: str
    media_type: str
    data: AsyncIterator[bytes]
    collection_id: str = DEFAULT_COLLECTION_ID
    replaces: str | None = None
    password: str = ""
    reader_ids: frozenset[str] | None = None
    purpose: str = ""


class DocumentService:
    """Implements ports.services.Documents and what the routes of the module do."""

    def __init__(self, parts: DocumentParts) -> None:
        self._parts = parts
        self._searcher = Searcher(parts)
        self.counts = Counts(parts.store)

    async def search(self, principal: Principal, query: SearchQuery) -> tuple[Passage, ...]:
        return await self._searcher.search(principal, query)

    async def add(self, principal: Principal, upload: Upload) -> Document:
        """Take in a file; it is durable when this returns, and read later. The same bytes under the same name are the same document.

        Raises Unsupported `type_mismatch` or `unsupported_type`, TooLarge `file_too_large`, InvalidInput `empty_file`, `bad_file_name` or `unknown_reader`,
        NotFound `collection_not_found` or `document_not_found`, Conflict `too_many_documents` or `document_space_used`, StorageFull `storage_full`.
        """
        file_name = _checked_name(upload.file_name)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            size, sha256, head = await self._spooled(spool, upload.data)
            file_format = format_of(file_name, upload.media_type, head)
            now = self._parts.clock.now()
            document = Document(
                document_id=upload.replaces or new_id("doc"),
                collection_id=upload.collection_id,
                title=file_name,
                file_name=file_name,
                media_type=file_format.media_types[0],
                size_bytes=size,
                blob_sha256=sha256,
                state="queued",
                created_at=now,
                updated_at=now,
                metadata=_told(file_format.name, upload),
                uploaded_by=principal.subject,
            )
            known, document = await self._placed(principal, document, upload)
            if known is not None and known.state != "failed":
                return known
            if upload.password:
                key = password_key(principal.tenant_id, document.document_id)
                await self._parts.cache.put(key, upload.password.encode(), ttl_s=PASSWORD_TTL_S)
            await self._parts.blobs.put(file_blob(principal.tenant_id, document), _pieces(spool))
        try:
            await self._entered(principal, document, now, upload.reader_ids is None)
        except (Conflict, Forbidden):
            if known is None:  # nothing else has this file: its name holds the version
                await self._parts.blobs.delete(file_blob(principal.tenant_id, document))
            raise
        return document

    async def _entered(self, principal: Principal, document: Document, now: datetime, keeps_readers: bool) -> None:
        """keeps_readers: those that the version before has by now.

        Raises Forbidden `subject_erased` when the uploader was erased while the file came in, and what `_admit` does.
        """
        async with self._parts.store.begin(principal.tenant_id) as work:
            if self._parts.names is not None:
                await refuse_erased(work.erasures, self._parts.names, principal)
            await self._ensure_collection(work, document.collection_id)
            before = await self._admit(work, document)
            if keeps_readers and before is not None:
                document = read_by(document, before.reader_ids)
            await work.documents.put(document)
            await work.jobs.enqueue(ingest_job(self._parts, principal.tenant_id, document, attempt=now))
            await work.audit.append(
                self._deed(principal, "document_added", document.document_id, version=document.version)
            )

    async def get(self, principal: Principal, document_id: str) -> Document:
        """The document, when the caller may read its collection and it. Raises NotFound `document_not_found`."""
        async with self._parts.store.begin(principal.tenant_id, read_only=True) as work:
            return await readable(work, principal, document_id)

    async def several(self, principal: Principal, document_ids: Iterable[str]) -> dict[str, Document]:
        """Those of the documents that there are and that the caller may read, by id, all of one state of the data."""
        async with self._parts.store.begin(principal.tenant_id, read_only=True) as work:
            return await readable_of(work, principal, document_ids)

    async def page(
        self, principal: Principal, *, before: Place | None, limit: int, wanted: Narrowed
    ) -> tuple[Document, ...]:
        """At most `limit` of the wanted documents, those that the caller may read, newest first. before: where the page before ended."""
        async with self._parts.store.begin(principal.tenant_id, read_only=True) as work:
            return await readable_page(work, principal, before=before, limit=limit, wanted=wanted)

    async def text(self, principal: Principal, document_id: str) -> ParsedDocument:
        """What was read from the file. Raises Conflict `document_not_ready`."""
        document = await self.get(principal, document_id)
        if document.state != "ready":
            raise Conflict("document_not_ready", "the document has not been read yet, or could not be")
        data = b"".join([piece async for piece in self._parts.blobs.get(text_blob(principal.tenant_id, document))])
        return await _READING.run(unpacked, data)

    async def content(
        self, principal: Principal, document_id: str, *, by_link: bool = False
    ) -> tuple[Document, AsyncIterator[bytes] | str]:
        """The document and the bytes that were uploaded; with by_link a URL that gives them out for a short while, where the store has such."""
        document = await self.get(principal, document_id)
        blob, blobs = file_blob(principal.tenant_id, document), self._parts.blobs
        link = await blobs.link(blob) if by_link and isinstance(blobs, BlobLinks) else None
        return document, link or blobs.get(blob)

    async def delete(self, principal: Principal, document_id: str) -> None:
        """Remove the document and every copy of it: row, file, text, words, vectors. Nothing finds it once this returns.

        Raises NotFound `document_not_found`. What a crash leaves over is removed by the job of the same transaction.
        """
        async with self._parts.store.begin(principal.tenant_id) as work:
            document = await readable(work, principal, document_id)
            await work.documents.delete(document_id)
            await work.jobs.enqueue(erase_job(self._parts, principal.tenant_id, document_id))
            await work.audit.append(self._deed(principal, "document_deleted", document_id, version=document.version))
        try:
            await erase(self._parts, principal.tenant_id, document_id)
        except Problem as problem:  # the job does it as soon as the part answers again
            _log.warning("erase_later", document_id=document_id, code=problem.code)

    async def reindex(self, principal: Principal, document_id: str, *, password: str = "") -> Document:
        """Read and index the document again. One that is ready stays so, and is found, until the new index is there."""
        now = self._parts.clock.now()
        if password:
            await self._parts.cache.put(
                password_key(principal.tenant_id, document_id), password.encode(), ttl_s=PASSWORD_TTL_S
            )
        async with self._parts.store.begin(principal.tenant_id) as work:
            document = await readable(work, principal, document_id, hold=True)
            if document.state == "failed":
                document = replace(
                    document, state="queued", failure_code=None, failure_message=None, progress=0.0, updated_at=now
                )
                await work.documents.put(document)
            await work.jobs.enqueue(ingest_job(self._parts, principal.tenant_id, document, attempt=now))
        return document

    async def move(
        self, principal: Principal, document_id: str, collection_id: str, attributes: Attributes = None
    ) -> Document:
        """Put the document into another collection; it is found again, under the new rights only, as soon as it is indexed again."""
        now = self._parts.clock.now()
        async with self._parts.store.begin(principal.tenant_id) as work:
            document = await readable(work, principal, document_id, hold=True)
            if not may_search(principal, await work.collections.get(collection_id)):
                raise no_collection()
            if attributes is not None:
                document = with_attributes(document, attributes)
                await work.documents.put(document)
            if document.collection_id == collection_id:
                return document
            document = replace(document, collection_id=collection_id, state="queued", progress=0.0, updated_at=now)
            await work.documents.put(document)
            await work.audit.append(self._deed(principal, "document_moved", document_id))
        job = ingest_job(self._parts, principal.tenant_id, document, attempt=now)
        await leave_index(self._parts, principal.tenant_id, document, job)
        return document

    async def kinds(self, principal: Principal) -> dict[str, tuple[str, ...]]:
        """The labels that the tenant has taught, with their examples."""
        async with self._parts.store.begin(principal.tenant_id, read_only=True) as work:
            return own_kinds(await work.settings.get(KINDS_SETTING))

    async def put_kinds(self, principal: Principal, kinds: dict[str, tuple[str, ...]]) -> None:
        """Replace the taught labels; documents that are read from now on are told by them."""
        async with self._parts.store.begin(principal.tenant_id) as work:
            await work.settings.put(KINDS_SETTING, {label: list(examples) for label, examples in kinds.items()})
            await work.audit.append(self._deed(principal, "document_kinds_changed", KINDS_SETTING, count=len(kinds)))

    async def collections(self, principal: Principal, only: str | None = None) -> tuple[Collection, ...]:
        """The collections that the caller may read, or the one named. Raises NotFound `collection_not_found` when that is not one of them."""
        async with self._parts.store.begin(principal.tenant_id, read_only=True) as work:
            return await searchable(work, principal, only)

    async def put_collection(self, principal: Principal, collection: Collection, *, is_new: bool) -> Collection:
        """Make or change a collection.

        Raises NotFound `collection_not_found` when it is to be changed and not readable, InvalidInput `unknown_reader`.
        """
        kept, now = frozenset[str](), self._parts.clock.now()
        async with self._parts.store.begin(principal.tenant_id) as work:
            if not is_new:
                known = await work.collections.get(collection.collection_id)
                if not may_search(principal, known):
                    raise no_collection()
                collection, kept = replace(collection, created_at=known.created_at), known.reader_ids
            await refuse_unknown(work, principal, collection.reader_ids, kept=kept, now=now)
            await work.collections.put(collection)
            await work.audit.append(self._deed(principal, "collection_changed", collection.collection_id))
        return collection

    async def delete_collection(self, principal: Principal, collection_id: str) -> None:
        """Remove an empty collection. Raises NotFound `collection_not_found`, Conflict `collection_not_empty`."""
        async with self._parts.store.begin(principal.tenant_id) as work:
            if not may_search(principal, await work.collections.get(collection_id)):
                raise no_collection()
            await work.collections.delete(collection_id)
            await work.audit.append(self._deed(principal, "collection_deleted", collection_id))

    async def _spooled(self, spool: IO[bytes], data: AsyncIterator[bytes]) -> tuple[int, str, bytes]:
        size, digest, head = 0, hashlib.sha256(), b""
        async for piece in data:
            size += len(piece)
            if size > self._parts.limits.file_bytes:
                raise TooLarge(
                    "file_too_large", f"a file may have at most {self._parts.limits.file_bytes} bytes", param="file"
                )
            digest.update(piece)
            head += piece[: HEAD_BYTES - len(head)] if len(head) < HEAD_BYTES else b""
            spool.write(piece)
        if size == 0:
            raise InvalidInput("empty_file", "the file has no bytes", param="file")
        return size, digest.hexdigest(), head

    async def _placed(
        self, principal: Principal, document: Document, upload: Upload
    ) -> tuple[Document | None, Document]:
        """The document that these bytes are already, if any; and `document` with the id and version that it will have.

        A failed one that is tried again keeps both, a new version has the next number of the one that it replaces.
        """
        async with self._parts.store.begin(principal.tenant_id, read_only=True) as work:
            await searchable(work, principal, document.collection_id)
            before = await readable(work, principal, upload.replaces) if upload.replaces else None
            kept = frozenset[str]() if before is None else before.reader_ids
            reader_ids = kept if upload.reader_ids is None else upload.reader_ids
            await refuse_unknown(work, principal, reader_ids, kept=kept, now=document.created_at)
            document = read_by(document, reader_ids)
            for found in await work.documents.by_sha256(document.blob_sha256):
                same_place = (found.collection_id, found.file_name) == (document.collection_id, document.file_name)
                same_rights = found.reader_ids == reader_ids and may_read(principal, found)
                if same_place and same_rights and upload.replaces in (None, found.document_id):
                    return found, replace(
                        document, document_id=found.document_id, version=found.version, created_at=found.created_at
                    )
        if before is None:
            return None, document
        return None, replace(
            document, version=before.version + 1, created_at=before.created_at, collection_id=before.collection_id
        )

    async def _admit(self, work: UnitOfWork, document: Document) -> Document | None:
        """What stands there before it, held.

        Raises Conflict `too_many_documents` or `document_space_used` when the organisation would keep more than it may.
        """
        limits = self._parts.limits
        count, used_bytes = await work.documents.totals()
        before = None
        try:
            before = await work.documents.get(document.document_id, hold=True)
        except NotFound:
            count += 1
        else:
            used_bytes -= before.size_bytes
        if count > limits.documents:
            raise Conflict("too_many_documents", f"an organisation may keep {limits.documents} documents", param="file")
        if used_bytes + document.size_bytes > limits.document_bytes:
            raise Conflict(
                "document_space_used", f"an organisation's files may have {limits.document_bytes} bytes", param="file"
            )
        return before

    async def _ensure_collection(self, work: UnitOfWork, collection_id: str) -> None:
        if collection_id != DEFAULT_COLLECTION_ID:
            return
        try:
            await work.collections.get(collection_id)
        except NotFound:
            await work.collections.put(Collection(collection_id, "Documents", self._parts.clock.now()))

    def _deed(
        self, principal: Principal, action: str, object_id: str, **data: str | int | float | bool | None
    ) -> AuditEntry:
        return AuditEntry(new_id("aud"), self._parts.clock.now(), principal.subject, action, object_id, data=data)


async def erase(parts: Copies, tenant_id: str, document_id: str) -> None:
    """Remove every copy of a document whose row is gone. Idempotent."""
    await parts.vectors.delete(tenant_id, document_id)
    for area in ("documents", "texts"):
        names = [name async for name in parts.blobs.names(f"{tenant_id}/{area}/{document_id}.")]
        for name in names:
            await parts.blobs.delete(name)
    await parts.cache.delete(password_key(tenant_id, document_id))


def _told(format_name: str, upload: Upload) -> dict[str, object]:
    """What is known of a file before it is read."""
    told: dict[str, object] = {FORMAT_KEY: format_name}
    return told | ({PURPOSE_KEY: upload.purpose} if upload.purpose else {})


def _checked_name(name: str) -> str:
    """The last part of the name as the caller's system wrote it; it is only shown, never used as a path."""
    shown = name.replace("\\", "/").rpartition("/")[2].strip()
    if not shown or len(shown) > 255 or not shown.isprintable():
        raise InvalidInput("bad_file_name", "a file needs a printable name of at most 255 characters", param="file")
    return shown


async def _pieces(spool: IO[bytes]) -> AsyncIterator[bytes]:
    spool.seek(0)
    while piece := spool.read(_PIECE_BYTES):
        yield piece
