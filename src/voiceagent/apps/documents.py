"""Composition root of the document module: its service, its server, its worker."""

from __future__ import annotations

from collections.abc import Sequence

from voiceagent.apps.parts import Parts
from voiceagent.apps.run import Process
from voiceagent.documents.parts import DocumentLimits, DocumentParts
from voiceagent.documents.server import create_documents
from voiceagent.documents.service import DocumentService
from voiceagent.documents.worker import DocumentWorker
from voiceagent.web.serve import Listener
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens

PORTS = ("store", "blobs", "vectors", "cache", "bus", "embed")


def service(parts: Parts) -> DocumentService:
    """Documents as the other services see them."""
    return DocumentService(_document_parts(parts))


def start_worker(parts: Parts) -> None:
    """Read uploaded documents in the background until the process ends."""
    parts.background(DocumentWorker(_document_parts(parts)).run(), name="document_worker")


def listener(parts: Parts, documents: DocumentService) -> Listener:
    """The document module on its port. Its workers run beside it (`start_worker`), or in processes of their own."""
    server = parts.settings.server
    auth = ServiceAuthenticator(ServiceTokens(parts.service_keys), "documents")
    app = create_documents(_document_parts(parts), auth=auth, service=documents, options=parts.app_options())
    return Listener(app, server.documents_port, server.internal_host, parts.tls.internal)


def _document_parts(parts: Parts) -> DocumentParts:
    limits = DocumentLimits(file_bytes=parts.settings.limits.upload_bytes)
    return DocumentParts(
        parts.store,
        parts.blobs,
        parts.vectors,
        parts.embed,
        parts.bus,
        parts.cache,
        clock=parts.clock,
        limits=limits,
    )


async def _compose(parts: Parts) -> Sequence[Listener]:
    return [listener(parts, service(parts))]


PROCESS = Process("documents", PORTS, _compose)
