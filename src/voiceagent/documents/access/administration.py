"""What those do who manage people and documents: see that documents are there, whoever reads them, and change who does. Reads no text."""

from __future__ import annotations

from dataclasses import replace

import structlog

from voiceagent.documents.access.readers import refuse_unknown
from voiceagent.documents.jobs.anew import leave_index, waiting
from voiceagent.documents.jobs.orders import again_job, erase_job
from voiceagent.documents.parts import DocumentParts, read_by
from voiceagent.documents.service import erase
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.document import Collection, Document, Narrowed
from voiceagent.domain.identity import Principal
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import Problem
from voiceagent.kit.ids import new_id

_log = structlog.get_logger(__name__)


class Administration:
    """Whose readers have left, a document is not lost. Each act stands in the audit log; none makes the caller a reader but by name."""

    def __init__(self, parts: DocumentParts) -> None:
        self._parts = parts

    async def page(
        self, principal: Principal, *, before: Place | None, limit: int, wanted: Narrowed
    ) -> tuple[Document, ...]:
        """At most `limit` of the wanted documents, whoever may read them, newest first. before: where the page before ended."""
        async with self._parts.store.begin(principal.tenant_id) as work:
            rows = await work.documents.page(before=before, limit=limit, wanted=wanted)
            await work.audit.append(self._deed(principal, "library_reviewed", "documents", count=len(rows)))
        return rows

    async def collections(self, principal: Principal) -> tuple[Collection, ...]:
        """Every collection, whoever may read it."""
        async with self._parts.store.begin(principal.tenant_id) as work:
            rows = await work.collections.all()
            await work.audit.append(self._deed(principal, "library_reviewed", "collections", count=len(rows)))
        return rows

    async def name_readers(self, principal: Principal, document_id: str, reader_ids: frozenset[str]) -> Document:
        """Let these alone read the document, or with none whoever may read its collection. In force at once for reading it; nobody
        finds it before it is indexed again, under the new rights.

        Raises NotFound `document_not_found`, InvalidInput `unknown_reader`, Unavailable `vectors_unavailable`: then call it again.
        """
        now = self._parts.clock.now()
        async with self._parts.store.begin(principal.tenant_id) as work:
            before = await work.documents.get(document_id, hold=True)
            await refuse_unknown(work, principal, reader_ids, kept=before.reader_ids, now=now)
            if before.reader_ids == reader_ids and before.state in ("ready", "failed"):
                return before
            document = waiting(read_by(before, reader_ids), now)
            await work.documents.put(document)
            await work.audit.append(self._named(principal, document_id, before.reader_ids, reader_ids))
        again = document.state != "failed"
        job = again_job(self._parts, principal.tenant_id, document, attempt=now) if again else None
        await leave_index(self._parts, principal.tenant_id, document, job)
        return document

    async def name_readers_of_collection(
        self, principal: Principal, collection_id: str, reader_ids: frozenset[str]
    ) -> Collection:
        """Let these alone search the collection, or with none everybody; searches follow at once.

        Raises NotFound `collection_not_found`, InvalidInput `unknown_reader`.
        """
        async with self._parts.store.begin(principal.tenant_id) as work:
            before = await work.collections.get(collection_id)
            await refuse_unknown(work, principal, reader_ids, kept=before.reader_ids, now=self._parts.clock.now())
            collection = replace(before, reader_ids=reader_ids)
            await work.collections.put(collection)
            await work.audit.append(self._named(principal, collection_id, before.reader_ids, reader_ids))
        return collection

    async def delete(self, principal: Principal, document_id: str) -> None:
        """Remove the document and every copy of it, whoever may read it. Raises NotFound `document_not_found`."""
        async with self._parts.store.begin(principal.tenant_id) as work:
            document = await work.documents.get(document_id, hold=True)
            await work.documents.delete(document_id)
            await work.jobs.enqueue(erase_job(self._parts, principal.tenant_id, document_id))
            await work.audit.append(
                self._deed(principal, "document_deleted", document_id, version=document.version, by="administrator")
            )
        try:
            await erase(self._parts, principal.tenant_id, document_id)
        except Problem as problem:  # the job does it as soon as the part answers again
            _log.warning("erase_later", document_id=document_id, code=problem.code)

    def _named(self, principal: Principal, object_id: str, before: frozenset[str], after: frozenset[str]) -> AuditEntry:
        own = principal.subject in after - before
        return self._deed(principal, "readers_changed", object_id, before=len(before), after=len(after), self_named=own)

    def _deed(
        self, principal: Principal, action: str, object_id: str, **data: str | int | float | bool | None
    ) -> AuditEntry:
        return AuditEntry(new_id("aud"), self._parts.clock.now(), principal.subject, action, object_id, data=data)
