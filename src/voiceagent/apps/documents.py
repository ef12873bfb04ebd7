"""Composition root of the document module: its service, its server, its worker."""

from __future__ import annotations

from collections.abc import Sequence

from voiceagent.apps.custody.rights import open_rights, routes
from voiceagent.apps.events.courier import start_events
from voiceagent.apps.parts import Parts
from voiceagent.apps.privacy import masked, subject_names
from voiceagent.apps.routing.follow import follow
from voiceagent.apps.run import Process
from voiceagent.documents.parts import DocumentLimits, DocumentParts
from voiceagent.documents.retrieval.order import Reranking
from voiceagent.documents.retrieval.warming import warm
from voiceagent.documents.server import create_documents
from voiceagent.documents.service import DocumentService
from voiceagent.documents.worker import DocumentWorker
from voiceagent.rights.parts import RightsParts
from voiceagent.web.serve import Listener
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens


async def open_llm(parts: Parts) -> None:
    """Open the language model when documents are to be classified by it."""
    if parts.settings.documents.classify_by == "llm" and not parts.llms:
        await parts.open("llm")


PORTS = ("store", "blobs", "vectors", "cache", "bus", "embed", "rerank")


def service(parts: Parts) -> DocumentService:
    """Documents as the other services see them."""
    return DocumentService(_document_parts(parts))


def start_worker(parts: Parts) -> None:
    """Read uploaded documents in the background until the process ends, and carry events to who must hear of them."""
    start_events(parts)
    parts.background(DocumentWorker(_document_parts(parts)).run(), name="document_worker")


def listener(parts: Parts, documents: DocumentService, rights: RightsParts) -> Listener:
    """The document module on its port, and data rights, which work on the same stores. Its workers run beside it, or in processes of their own."""
    server = parts.settings.server
    auth = ServiceAuthenticator(ServiceTokens(parts.service_keys), "documents")
    parts.background(warm(_document_parts(parts)), name="warm_indexes")
    app = create_documents(_document_parts(parts), auth=auth, service=documents, options=parts.app_options())
    app.include_router(routes(rights, parts.settings))
    return Listener(app, server.documents_port, server.internal_host, parts.tls.internal)


def _document_parts(parts: Parts) -> DocumentParts:
    told = parts.settings.limits
    limits = DocumentLimits(
        file_bytes=told.upload_bytes, documents=told.tenant_documents, document_bytes=told.tenant_document_bytes
    )
    return DocumentParts(
        parts.store,
        parts.blobs,
        parts.vectors,
        parts.embed,
        parts.bus,
        parts.cache,
        clock=parts.clock,
        limits=limits,
        reranking=Reranking(parts.rerank, parts.settings.rerank.within_ms / 1000),
        llm=parts.llms[0] if parts.settings.documents.classify_by == "llm" and parts.llms else None,
        names=subject_names(parts.settings),
        embedder_before=parts.embed_previous,
        masked=masked if "index" in parts.settings.privacy.redact else None,
    )


async def _compose(parts: Parts) -> Sequence[Listener]:
    await follow(parts)
    return [listener(parts, service(parts), await open_rights(parts))]


PROCESS = Process("documents", PORTS, _compose)
