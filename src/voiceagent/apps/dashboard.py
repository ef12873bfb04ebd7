"""Composition root of the dashboard's server: static files for browsers, and where the gateway is. It holds no data and no rights."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voiceagent.apps.parts import Parts
from voiceagent.apps.run import Process
from voiceagent.web.app import create_app
from voiceagent.web.serve import Listener
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens

PAGE = Path(str(files("voiceagent"))) / "page"
"""The plain talk page: for machines on which the dashboard was not built."""

BUILT = PAGE.with_name("page_dist")
"""The whole dashboard, where `make dashboard` has built it."""

KEPT = b"public, max-age=31536000, immutable"
"""Of files whose names hold a digest of what is in them."""

SERVER_PATHS = ("/health/", "/metrics", "/api/")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")


def listener(parts: Parts) -> Listener:
    """The dashboard on its port."""
    server = parts.settings.server
    auth = ServiceAuthenticator(ServiceTokens(parts.service_keys), "dashboard")
    app = create_app("dashboard", title="voiceagent dashboard", auth=auth, options=parts.app_options())
    folder = BUILT if (BUILT / "index.html").is_file() else PAGE
    oidc = bool(parts.settings.identity.oidc_issuer)
    app.add_middleware(Page, folder=folder, gateway_port=server.gateway_port, oidc=oidc)
    return Listener(app, server.dashboard_port, server.host, parts.tls.doors, parts.settings.tls.hsts_s)


class Page:
    """Serves the page's files to anybody; health and metrics go on to the app behind. The page gets its rights from the gateway.

    folder: the dashboard, whose pages' addresses lead to its index, or the plain talk page.
    """

    def __init__(self, app: ASGIApp, *, folder: Path, gateway_port: int, oidc: bool = False) -> None:
        self._app = app
        self._files = StaticFiles(directory=folder, html=True, check_dir=False)
        self._has_pages = (folder / "assets").is_dir()
        self._gateway_port = gateway_port
        self._config = json.dumps({"gateway_port": gateway_port, "oidc": oidc})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(SERVER_PATHS):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, path = _host(headers.get("host", "")), scope["path"]
        answer = self._answer(scope)

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = KEPT if path.startswith("/assets/") and message["status"] in (200, 304) else b"no-cache"
                message["headers"] = [
                    *message["headers"], *_sealing(host, self._gateway_port), (b"cache-control", kept)
                ]  # fmt: skip
            await send(message)

        try:
            await answer(scope, receive, sealed)
        except HTTPException as error:
            if error.status_code == 404 and self._is_page(path, headers):
                await self._files({**scope, "path": "/"}, receive, sealed)
            else:
                await Response(status_code=error.status_code)(scope, receive, sealed)

    def _answer(self, scope: Scope) -> ASGIApp:
        if scope["path"] == "/config.json":
            return Response(self._config, media_type="application/json")
        if scope["method"] not in ("GET", "HEAD"):
            return Response(status_code=405, headers={"allow": "GET, HEAD"})
        return self._files

    def _is_page(self, path: str, headers: Headers) -> bool:
        """The address of a page of the dashboard, typed or followed by a browser: not a script, style or image that is not there."""
        return self._has_pages and "text/html" in headers.get("accept", "") and not path.startswith("/assets/")


def _host(header: str) -> str:
    """The host that the browser asked, without its port; loopback when the header is nothing that may stand in a policy."""
    host = header.rpartition(":")[0] if re.search(r":\d+$", header) else header
    return host if _HOST.fullmatch(host) else "127.0.0.1"


def _sealing(host: str, gateway_port: int) -> list[tuple[bytes, bytes]]:
    gateway = " ".join(f"{scheme}://{host}:{gateway_port}" for scheme in ("ws", "wss", "http", "https"))
    policy = (
        f"default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {gateway}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "permissions-policy": "microphone=(self), camera=(), geolocation=()",
        "cross-origin-opener-policy": "same-origin",
    }
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _compose(parts: Parts) -> Sequence[Listener]:
    return [listener(parts)]


PROCESS = Process("dashboard", (), _compose)
