"""/api/v1/health: all services at a glance, asked in the caller's name."""

from __future__ import annotations

import asyncio
import json
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
    """One service: `ok` or `unavailable`, and the parts that it needs."""

    status: str
    parts: dict[str, bool] = {}


class Health(BaseModel):
    """`ok` when every service is. outbound_held: the restored backup for whose sake tools reach nobody; empty when they may."""

    status: str
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
    own = await readiness(request.app)
    others = await asyncio.gather(*(_ask(request, parts, name) for name in names))
    services = {"gateway": ServiceHealth(status=_word(all(own.values())), parts=own)}
    services |= dict(zip(names, others, strict=True))
    return Health(
        status=_word(all(one.status == "ok" for one in services.values())),
        outbound_held=await _held(parts),
        services=services,
    )


async def _held(parts: Gateway) -> str:
    """Not known while the database is away, which `services` tells."""
    try:
        return await held_by(parts.store)
    except Problem:
        return ""


async def _ask(request: Request, parts: Gateway, name: str) -> ServiceHealth:
    headers = parts.links.headers(request, name)
    try:
        with parts.links.to(name).lease() as upstream:
            within = aiohttp.ClientTimeout(total=_WITHIN_S)
            async with parts.links.client.get(
                f"{upstream.url}/health/ready", headers=headers, timeout=within
            ) as answer:
                return _read(json.loads(await answer.read()))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, Problem):
        return ServiceHealth(status=_word(False))


def _read(body: Any) -> ServiceHealth:
    found = body.get("parts") if isinstance(body, dict) else None
    shown = {str(name): value is True for name, value in found.items()} if isinstance(found, dict) else {}
    return ServiceHealth(status=_word(isinstance(body, dict) and body.get("status") == "ok"), parts=shown)


def _word(well: bool) -> str:
    return "ok" if well else "unavailable"
