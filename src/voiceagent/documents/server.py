"""The document module's server on :8002: makes the app, runs the workers beside it, and serves the search to the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import Response

from voiceagent.documents.access.administration import Administration
from voiceagent.documents.api.routes_administration import router as administration
from voiceagent.documents.api.routes_batches import router as batches
from voiceagent.documents.api.routes_documents import router as documents
from voiceagent.documents.api.routes_library import router as library
from voiceagent.documents.api.routes_openai import router as openai
from voiceagent.documents.parts import DocumentParts
from voiceagent.documents.service import DocumentService
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import InvalidInput
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.documents_wire import PASSAGES, SEARCH_QUERY
from voiceagent.web.app import AppOptions, Router, create_app
from voiceagent.web.auth import Authenticator, require
from voiceagent.web.repeats.once import Once

_STOP_S = 5.0
_internal: APIRouter = Router(prefix="/internal/documents", include_in_schema=False)


@_internal.post("/search")
async def search(request: Request, caller: Annotated[Principal, Depends(require())]) -> Response:
    """ports.services.Documents.search for another process. The service token names the caller; his rights decide."""
    try:
        query = SEARCH_QUERY.validate_json(await request.body())
    except ValueError as error:
        raise InvalidInput("bad_query", "this is no search query") from error
    service: DocumentService = request.app.state.service
    return Response(PASSAGES.dump_json(await service.search(caller, query)), media_type="application/json")


def create_documents(
    parts: DocumentParts,
    *,
    auth: Authenticator,
    service: DocumentService | None = None,
    workers: Sequence[DocumentWorker] = (),
    options: AppOptions | None = None,
) -> FastAPI:
    """The app. workers run as long as it does; give none when they run in a process of their own."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        scope = TaskScope("documents")
        for number, worker in enumerate(workers):
            scope.start(worker.run(), name=f"worker-{number}")
        try:
            yield
        finally:
            await scope.close(within_s=_STOP_S)

    app = create_app("documents", title="voiceagent documents", auth=auth, lifespan=lifespan, options=options)
    app.state.service = service or DocumentService(parts)
    app.state.administration = Administration(parts)
    app.state.ready = lambda: _ready(parts)
    app.state.once = Once(parts.store)
    app.state.cache = parts.cache
    for router in (documents, library, administration, openai, batches, _internal):
        app.include_router(router)
    return app


async def _ready(parts: DocumentParts) -> dict[str, bool]:
    return {
        "store": await parts.store.ready(),
        "blobs": await parts.blobs.ready(),
        "vectors": await parts.vectors.ready(),
    }
