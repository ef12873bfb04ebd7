"""What becomes of a document whose rights were changed while it was read: nothing of it is found before it is indexed under the new ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from voiceagent.documents.access.rights import rights_of
from voiceagent.documents.jobs.orders import again_job
from voiceagent.documents.parts import DocumentParts
from voiceagent.domain.document import Document
from voiceagent.domain.job import Job
from voiceagent.kit.errors import NotFound


async def has_other_rights(parts: DocumentParts, tenant_id: str, document: Document) -> bool:
    """Whether the document was moved or given other readers since it was read from the store."""
    async with parts.store.begin(tenant_id, read_only=True) as work:
        try:
            return rights_of(await work.documents.get(document.document_id)) != rights_of(document)
        except NotFound:
            return False


async def index_anew(parts: DocumentParts, job: Job, document: Document) -> bool:
    """Take the document out of the index and have it indexed again; the job is done then. False when the document is gone.

    Out of the index first: a crash in between leaves the job, which then begins anew.
    """
    await parts.vectors.delete(job.tenant_id, document.document_id)
    async with parts.store.begin(job.tenant_id) as work:
        try:
            now = await work.documents.get(document.document_id, hold=True)
        except NotFound:
            return False
        at = parts.clock.now()
        await work.documents.put(waiting(now, at))
        if now.state != "failed":
            await work.jobs.enqueue(again_job(parts, job.tenant_id, now, attempt=at))
        await work.jobs.complete(job)
    return True


async def leave_index(parts: DocumentParts, tenant_id: str, document: Document, job: Job | None) -> None:
    """Take the document, whose rights were just changed, out of the index; only then `job`, if there is one, indexes it: a quick one would be undone.

    Where the process ends in between, the worker finds a document that waits without a job. Raises Unavailable `vectors_unavailable`
    with the job enqueued.
    """
    try:
        await parts.vectors.delete(tenant_id, document.document_id)
    finally:
        if job is not None:
            async with parts.store.begin(tenant_id) as work:
                await work.jobs.enqueue(job)


def waiting(document: Document, at: datetime) -> Document:
    """The document as it waits to be indexed again; one that could not be read stays what it is."""
    if document.state == "failed":
        return replace(document, updated_at=at)
    return replace(document, state="queued", progress=0.0, updated_at=at)
