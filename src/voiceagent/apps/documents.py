"""Composition root of the document module."""

from __future__ import annotations

from collections.abc import Sequence

from voiceagent import __version__
from voiceagent.apps.parts import Parts
from voiceagent.apps.run import Process
from voiceagent.web.app import AppOptions, create_app
from voiceagent.web.serve import Listener
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens

PORTS = ("store", "blobs", "bus")


def listener(parts: Parts) -> Listener:
    """The document module on its port."""
    server = parts.settings.server
    auth = ServiceAuthenticator(ServiceTokens(parts.service_keys), "documents")
    app = create_app("documents", title="voiceagent documents", auth=auth, options=AppOptions(version=__version__))
    return Listener(app, server.documents_port, server.internal_host)


async def _compose(parts: Parts) -> Sequence[Listener]:
    return [listener(parts)]


PROCESS = Process("documents", PORTS, _compose)
