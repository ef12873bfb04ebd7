"""Composition root of the worker: reads uploaded documents in a process of its own; run as many as there are cores to spare."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from voiceagent.apps import documents
from voiceagent.apps.custody.rights import start_rights
from voiceagent.apps.parts import Parts
from voiceagent.apps.routing.follow import follow
from voiceagent.apps.run import Process
from voiceagent.web.app import create_app
from voiceagent.web.serve import Listener
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens


def _listener(parts: Parts) -> Listener:
    """Its health and metrics; nobody calls a worker."""
    server = parts.settings.server
    auth = ServiceAuthenticator(ServiceTokens(parts.service_keys), "worker")
    app = create_app("worker", title="voiceagent worker", auth=auth, options=parts.app_options())

    async def ready() -> dict[str, bool]:
        store, blobs = await asyncio.gather(parts.store.ready(), parts.blobs.ready())
        return {"store": store, "blobs": blobs}

    app.state.ready = ready
    return Listener(app, server.worker_port, server.internal_host, parts.tls.internal)


async def _compose(parts: Parts) -> Sequence[Listener]:
    await follow(parts)
    await start_rights(parts)
    await documents.open_llm(parts)
    documents.start_worker(parts)
    return [_listener(parts)]


PROCESS = Process("worker", documents.PORTS, _compose)
