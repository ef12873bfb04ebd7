"""/api/v1/keys: make an API key (its secret is shown once), list keys, revoke one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.identity import SCOPES, ApiKey, Principal
from voiceagent.gateway.deeds import deed
from voiceagent.gateway.identity.keys import KEY_ID, KeyOrder, new_key
from voiceagent.gateway.parts import Gateway, gateway_of
from voiceagent.kit.errors import Forbidden, InvalidInput, NotFound
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.repeats.once import once

router: APIRouter = Router(prefix="/api/v1/keys", tags=["keys"])

Reader = Annotated[Principal, Depends(require("keys:read"))]
Writer = Annotated[Principal, Depends(require("keys:write"))]
Parts = Annotated[Gateway, Depends(gateway_of)]


class KeyWanted(BaseModel):
    """A key to make. Without scopes it may talk; without days it does not expire."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")
    scopes: list[str] = Field(default=["talk"], min_length=1, max_length=len(SCOPES))
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class KeyRotation(BaseModel):
    """How long the old key still works: up to a week."""

    model_config = ConfigDict(extra="forbid")
    overlap_hours: int = Field(default=24, ge=0, le=168)


class KeyShown(BaseModel):
    """A key as people see it; the prefix tells keys apart."""

    key_id: str
    name: str
    prefix: str
    scopes: list[str]
    user_id: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyMade(KeyShown):
    """A new key with its secret, which is shown this once."""

    secret: str


class KeyList(BaseModel):
    """Every key, newest first."""

    items: list[KeyShown]


@router.get("")
async def list_keys(caller: Reader, parts: Parts) -> KeyList:
    """Every key of the organisation, revoked ones too."""
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        return KeyList(items=[KeyShown(**_shown(key)) for key in await work.keys.all()])


@router.post("", status_code=201)
@once()
async def create_key(wanted: KeyWanted, request: Request, caller: Writer, parts: Parts) -> KeyMade:
    """Make a key. It can hold no scope that its maker lacks."""
    now = datetime.now(UTC)
    scopes = _allowed(wanted.scopes, caller)
    expires_at = now + timedelta(days=wanted.expires_in_days) if wanted.expires_in_days else None
    owner = "" if caller.subject.startswith(f"{KEY_ID}_") else caller.subject
    key, secret = new_key(KeyOrder(caller.tenant_id, owner, wanted.name, scopes, expires_at), now)
    async with parts.store.begin(caller.tenant_id) as work:
        await work.keys.add(key)
        await work.audit.append(deed(request, "key_created", key.key_id, prefix=key.prefix))
    return KeyMade(**_shown(key), secret=secret)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(key_id: str, request: Request, caller: Writer, parts: Parts) -> None:
    """Put a key out of force, everywhere within 5 s."""
    async with parts.store.begin(caller.tenant_id) as work:
        if not await work.keys.revoke(key_id, datetime.now(UTC)):
            raise NotFound("key_not_found", "There is no such key.")
        await work.audit.append(deed(request, "key_revoked", key_id))
    parts.identities.forget()


@router.post("/{key_id}/rotate", status_code=201)
@once()
async def rotate_key(key_id: str, wanted: KeyRotation, request: Request, caller: Writer, parts: Parts) -> KeyMade:
    """A new key with the name, owner and scopes of this one, which goes on for `overlap_hours` so that clients can change over."""
    now = datetime.now(UTC)
    async with parts.store.begin(caller.tenant_id) as work:
        old = next((key for key in await work.keys.all() if key.key_id == key_id and key.revoked_at is None), None)
        if old is None:
            raise NotFound("key_not_found", "There is no such key.")
        _allowed(sorted(old.scopes), caller)
        life = old.expires_at - old.created_at if old.expires_at else None
        order = KeyOrder(caller.tenant_id, old.user_id, old.name, old.scopes, now + life if life else None)
        key, secret = new_key(order, now)
        await work.keys.add(key)
        await work.keys.expire(key_id, now + timedelta(hours=wanted.overlap_hours))
        await work.audit.append(deed(request, "key_rotated", key_id, new_key_id=key.key_id))
    parts.identities.forget()
    return KeyMade(**_shown(key), secret=secret)


def _allowed(names: list[str], caller: Principal) -> frozenset[str]:
    for name in names:
        if name not in SCOPES:
            raise InvalidInput("unknown_scope", "There is no such scope.", param="scopes")
        if not caller.may(name):
            raise Forbidden("missing_scope", f"You cannot give the scope {name}, which you do not have.")
    return frozenset(names)


def _shown(key: ApiKey) -> dict[str, object]:
    return {name: getattr(key, name) for name in KeyShown.model_fields if name != "scopes"} | {
        "scopes": sorted(key.scopes)
    }
