"""/api/v1/health: all services at a glance, asked in the caller's name."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Annotated, Any

import aiohttp
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from voiceagent.domain.identity import Principal
from voiceagent.gateway.parts import Gateway, gateway_of
from voiceagent.kit.errors import Problem
from voiceagent.ports.outbound import held_by
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.health import readiness

router: APIRouter = Router(prefix="/api/v1")

_WITHIN_S = 4.0


class ServiceHealth(BaseModel):
    """One service: `ok` or `unavailable`, and the parts that it needs. live: it answered at all, after latency_ms as the gateway saw it."""

    status: str
    live: bool = False
    latency_ms: float | None = None
    parts: dict[str, bool] = {}


class Health(BaseModel):
    """`ok` when every service is. outbound_held: the restored backup for whose sake tools reach nobody; empty when they may."""

    status: str
    version: str = ""
    outbound_held: str = ""
    services: dict[str, ServiceHealth]


@router.get("/health", tags=["health"])
async def health(
    request: Request,
    _: Annotated[Principal, Depends(require("metrics:read"))],
    parts: Annotated[Gateway, Depends(gateway_of)],
) -> Health:
    """The readiness of every service and of what it needs."""
    names = parts.links.services
    own, *others = await asyncio.gather(_own(request), *(_ask(request, parts, name) for name in names))
    services = {"gateway": own}
    services |= dict(zip(names, others, strict=True))
    return Health(
        status=_word(all(one.status == "ok" for one in services.values())),
        version=request.app.version,
        outbound_held=await _held(parts),
        services=services,
    )


async def _held(parts: Gateway) -> str:
    """Not known while the database is away, which `services` tells."""
    try:
        return await held_by(parts.store)
    except Problem:
        return ""


async def _own(request: Request) -> ServiceHealth:
    began_s = time.monotonic()
    found = await readiness(request.app)
    return ServiceHealth(status=_word(all(found.values())), live=True, latency_ms=_since_ms(began_s), parts=found)


async def _ask(request: Request, parts: Gateway, name: str) -> ServiceHealth:
    headers, began_s = parts.links.headers(request, name), time.monotonic()
    try:
        with parts.links.to(name).lease() as upstream:
            within = aiohttp.ClientTimeout(total=_WITHIN_S)
            async with parts.links.client.get(
                f"{upstream.url}/health/ready", headers=headers, timeout=within
            ) as answer:
                return _read(json.loads(await answer.read()), _since_ms(began_s))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, Problem):
        return ServiceHealth(status=_word(False))


def _read(body: Any, latency_ms: float) -> ServiceHealth:
    found = body.get("parts") if isinstance(body, dict) else None
    shown = {str(name): value is True for name, value in found.items()} if isinstance(found, dict) else {}
    well = isinstance(body, dict) and body.get("status") == "ok"
    return ServiceHealth(status=_word(well), live=True, latency_ms=latency_ms, parts=shown)


def _since_ms(began_s: float) -> float:
    return round((time.monotonic() - began_s) * 1000, 1)


def _word(well: bool) -> str:
    return "ok" if well else "unavailable"
