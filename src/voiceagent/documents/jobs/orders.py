"""The jobs on documents, as they are asked for. Does none of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from voiceagent.documents.parts import ERASE, INGEST, DocumentParts
from voiceagent.domain.document import Document
from voiceagent.domain.job import Job
from voiceagent.kit.ids import new_id

_MAX_ATTEMPTS = 4


def ingest_job(parts: DocumentParts, tenant_id: str, document: Document, *, attempt: datetime) -> Job:
    """Reads and indexes one version of a document with the model of today."""
    model = parts.spaces.current
    return Job(
        new_id("job"),
        tenant_id,
        INGEST,
        document.document_id,
        parts.clock.now(),
        {"version": document.version, "model": model},
        idempotency_key=f"{INGEST}:{document.document_id}:{document.version}:{model}:{attempt.isoformat()}",
        max_attempts=_MAX_ATTEMPTS,
    )


def again_job(parts: DocumentParts, tenant_id: str, document: Document, *, attempt: datetime) -> Job:
    """Indexes it again from the text that was read, if there is one: the password of an encrypted file is long gone."""
    job = ingest_job(parts, tenant_id, document, attempt=attempt)
    return replace(
        job, payload={**job.payload, "from_text": True}, idempotency_key=f"{job.idempotency_key}:{job.job_id}"
    )


def erase_job(parts: DocumentParts, tenant_id: str, document_id: str) -> Job:
    """Removes what is left of a document whose row is gone."""
    return Job(
        new_id("job"),
        tenant_id,
        ERASE,
        document_id,
        parts.clock.now(),
        idempotency_key=None,
        max_attempts=_MAX_ATTEMPTS,
    )
