"""/.well-known/jwks.json: the public keys of access tokens, for those who verify them themselves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response

from voiceagent.gateway.identity.routes.shapes import Parts
from voiceagent.web.app import Router
from voiceagent.web.auth import anyone

router: APIRouter = Router(tags=["auth"])

MAX_AGE_S = 30
"""Shorter than the time that a new key is shown before it signs."""


@router.get("/.well-known/jwks.json", dependencies=[Depends(anyone)])
async def jwks(response: Response, parts: Parts) -> dict[str, Any]:
    """Every key that verifies, the signing one first."""
    response.headers["cache-control"] = f"public, max-age={MAX_AGE_S}"
    return parts.access_keys.public()
