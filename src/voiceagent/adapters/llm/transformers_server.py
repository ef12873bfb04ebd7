"""The child process that holds a Transformers model: `transformers serve` on loopback, for one model from disk and one caller with a key.

Started by `transformers.py`, never by hand. Imports nothing of the platform but the other side of its pipes.
"""

from __future__ import annotations

import hmac
import json
import os
import threading
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from voiceagent.adapters.llm.child_side import serve

_ASKED_S = 0.02
_CHAT, _MODELS = ("POST", "/v1/chat/completions"), ("GET", "/v1/models")
_running: list[Any] = []
"""The server: it would end with its last reference."""


class Door:
    """An ASGI application before another: only chat goes through, with the key; what else the server can do, such as loading another
    model, does not."""

    def __init__(self, app: Callable[..., Awaitable[None]], api_key: str) -> None:
        self._app = app
        self._expected = f"Bearer {api_key}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)  # the server's own start and end
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        asked = (scope["method"], scope["path"])
        if not hmac.compare_digest(given, self._expected):
            await _answer(send, 401, {"error": {"message": "this server needs its key"}})
        elif asked == _CHAT:
            await self._app(scope, receive, send)
        elif asked == _MODELS:
            await _answer(send, 200, {"object": "list", "data": [{"id": "."}]})
        else:
            await _answer(send, 404, {"error": {"message": "this server has chat alone"}})


async def _answer(send: Any, status: int, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def start(settings: dict[str, Any]) -> str:
    """Load the model of the folder; where it is served."""
    os.chdir(settings["model"])  # so that no sign in the folder's name is taken for a revision or a file
    module = import_module("transformers.cli.serve")

    def start_server(self: Any) -> None:
        self.server.config.app = Door(self.server.config.app, settings["api_key"])
        threading.Thread(target=self.server.run, name="server", daemon=True).start()

    served = type("Served", (module.Serve,), {"start_server": start_server})(
        ".",
        host="127.0.0.1",
        port=0,
        log_level="error",  # its default writes a line a request
        reasoning=module.ReasoningMode.OFF,  # nobody on a call hears a model think
        non_blocking=True,
    )
    _running.append(served)
    while not served.server.started:  # the parent bounds this wait
        time.sleep(_ASKED_S)
    return f"http://127.0.0.1:{served.server.servers[0].sockets[0].getsockname()[1]}"


if __name__ == "__main__":
    serve(start)
