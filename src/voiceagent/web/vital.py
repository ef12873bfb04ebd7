"""A port of its own for signs of life over plain HTTP: what asks for them (kubelet, Compose) holds no certificate. Nothing else is told there."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import HTTPConnection

from voiceagent.domain.identity import Principal
from voiceagent.web.app import create_app
from voiceagent.web.health import readiness
from voiceagent.web.serve import Listener


def vital_listener(of: Sequence[Listener], port: int, host: str) -> Listener:
    """Tells of all servers of this process at once: ready when every one is."""
    app = create_app("health", title="voiceagent health", auth=_nobody)

    async def ready() -> dict[str, bool]:
        return {one.app.state.name: all((await readiness(one.app)).values()) for one in of}

    app.state.ready = ready
    return Listener(app, port, host)


async def _nobody(conn: HTTPConnection) -> Principal | None:
    return None
