"""Life, readiness, metrics and the OpenAPI description of a server. Life looks at nothing else, so that a dead dependency restarts nobody."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from voiceagent.domain.identity import Principal
from voiceagent.kit.calls.upkeep import RETIRING
from voiceagent.kit.crypto import same_secret
from voiceagent.kit.errors import Problem
from voiceagent.kit.telemetry import CONTENT_TYPE, exposition
from voiceagent.web.auth import Permission, anyone, require

READY_WITHIN_S = 3.0
_log = structlog.get_logger(__name__)


class ScrapePermission(Permission):
    """metrics:read, or the bearer token that the operator gave to the scraper."""

    def __init__(self, scrape_token: str | None) -> None:
        super().__init__(("metrics:read",))
        self._expected = f"Bearer {scrape_token}" if scrape_token else None

    async def __call__(self, conn: HTTPConnection) -> Principal:
        offered = conn.headers.get("authorization", "")
        if self._expected is not None and same_secret(offered, self._expected):
            return Principal("", "service:scraper", frozenset(self.scopes), kind="service")
        return await super().__call__(conn)


def add_health(app: FastAPI, router: APIRouter, *, scrape_token: str | None) -> None:
    """Add /health/live, /health/ready, /metrics and /api/v1/openapi.json to `app`. `app.state.retiring`: it is about to stop."""
    app.state.retiring, app.state.missing = False, ()

    @router.get("/health/live", include_in_schema=False, dependencies=[Depends(anyone)])
    async def live(request: Request) -> dict[str, str]:
        return {"status": RETIRING if request.app.state.retiring else "ok"}

    @router.get("/health/ready", include_in_schema=False, dependencies=[Depends(anyone)])
    async def ready(request: Request) -> JSONResponse:
        parts = await readiness(request.app)
        well = all(parts.values()) and not request.app.state.retiring
        body: dict[str, object] = {"status": "ok" if well else "unavailable"}
        if await _may_see_parts(request):
            body["parts"] = parts
        return JSONResponse(body, 200 if well else 503)

    @router.get("/metrics", include_in_schema=False, dependencies=[Depends(ScrapePermission(scrape_token))])
    async def metrics() -> Response:
        return Response(exposition(), media_type=CONTENT_TYPE)

    @router.get("/api/v1/openapi.json", include_in_schema=False, dependencies=[Depends(require())])
    async def openapi(request: Request) -> JSONResponse:
        return JSONResponse(request.app.openapi())

    app.include_router(router)


async def readiness(app: FastAPI) -> dict[str, bool]:
    """Each part that the server needs and whether it answers; a part that takes over 3 s makes the whole not ready."""
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            parts: dict[str, bool] = await app.state.ready()
    except (TimeoutError, Problem):
        parts = {"answer": False}
    _tell_change(app, parts)
    return parts


def _tell_change(app: FastAPI, parts: dict[str, bool]) -> None:
    """In the log, once: whoever asks for readiness without a right to more hears only that something is missing."""
    missing = tuple(sorted(name for name, well in parts.items() if not well))
    if missing != app.state.missing:
        app.state.missing = missing
        _log.warning("parts_missing", parts=missing) if missing else _log.info("parts_complete")


async def _may_see_parts(conn: HTTPConnection) -> bool:
    try:
        await require("metrics:read")(conn)
    except Problem:
        return False
    return True
