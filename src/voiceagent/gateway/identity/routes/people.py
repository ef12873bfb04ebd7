"""/api/v1/users: the people of the organisation: add or invite them, change their role, turn them away, reset their password."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel

from voiceagent.domain.identity import Principal, User
from voiceagent.gateway.deeds import deed
from voiceagent.gateway.identity.routes.shapes import (
    Email,
    Parts,
    Password,
    PeopleReader,
    PeopleWriter,
    RoleName,
    Strict,
    UserShown,
    check_may_give,
    shown,
)
from voiceagent.gateway.identity.routes.sign_in import own_words
from voiceagent.gateway.identity.sessions import handed_out
from voiceagent.gateway.parts import Gateway
from voiceagent.kit.errors import Conflict
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import UnitOfWork
from voiceagent.web.app import Router
from voiceagent.web.repeats.once import once

router: APIRouter = Router(prefix="/api/v1/users", tags=["people"])

INVITATION_LIFE = timedelta(hours=72)
RESET_LIFE = timedelta(hours=24)


class UserList(BaseModel):
    """Every person, by e-mail."""

    items: list[UserShown]


class UserWanted(Strict):
    """A person to add with a password that somebody tells them."""

    email: Email
    password: Password
    role: RoleName = "viewer"


class Invitee(Strict):
    """A person to invite; they choose their password themselves."""

    email: Email
    role: RoleName = "viewer"


class Reset(Strict):
    """second_factor: remove the person's authenticator app, too, because they have lost it."""

    second_factor: bool = False


class UserChange(Strict):
    """What to change; the rest stays."""

    role: RoleName | None = None
    disabled: bool | None = None
    password: Password | None = None


class OneTimeToken(BaseModel):
    """To be given to the person, who sends it with a password to /api/v1/auth/password. Shown this once."""

    user_id: str
    token: str
    expires_at: datetime


@router.get("")
async def list_users(caller: PeopleReader, parts: Parts) -> UserList:
    """Every person of the organisation."""
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        return UserList(items=[shown(user) for user in await work.users.all()])


@router.get("/{user_id}")
async def get_user(user_id: str, caller: PeopleReader, parts: Parts) -> UserShown:
    """One person."""
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        return shown(await work.users.get(user_id))


@router.post("", status_code=201)
@once()
async def create_user(wanted: UserWanted, request: Request, caller: PeopleWriter, parts: Parts) -> UserShown:
    """Add a person, with no more rights than the caller has."""
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        await check_may_give(work, caller, wanted.role)
    password_hash = await parts.passwords.hashed(wanted.password, *own_words(wanted.email))
    user = _new_user(caller, wanted.email, wanted.role, password_hash, parts.clock.now())
    async with parts.store.begin(caller.tenant_id) as work:
        await check_may_give(work, caller, wanted.role)
        await work.users.add(user)
        await work.audit.append(deed(request, "user_created", user.user_id, role=user.role))
    return shown(user)


@router.post("/invitations", status_code=201)
@once()
async def invite_user(wanted: Invitee, request: Request, caller: PeopleWriter, parts: Parts) -> OneTimeToken:
    """Add a person who sets their own password with the token of the answer within 72 hours."""
    now = parts.clock.now()
    user = _new_user(caller, wanted.email, wanted.role, "", now)
    grant, secret = handed_out("invitation", user, "", now, INVITATION_LIFE)
    async with parts.store.begin(caller.tenant_id) as work:
        await check_may_give(work, caller, wanted.role)
        await work.users.add(user)
        await work.access.grants.add(grant)
        await work.audit.append(deed(request, "user_invited", user.user_id, role=user.role))
    return OneTimeToken(user_id=user.user_id, token=secret, expires_at=grant.expires_at)


@router.post("/{user_id}/reset", status_code=201)
@once()
async def reset_password(
    user_id: str, wanted: Reset, request: Request, caller: PeopleWriter, parts: Parts
) -> OneTimeToken:
    """A token with which the person sets a new password within 24 hours. Their sessions end now, and the old password does."""
    now = parts.clock.now()
    async with parts.store.begin(caller.tenant_id) as work:
        user = await work.users.get(user_id)
        await check_may_give(work, caller, user.role)
        grant, secret = handed_out("reset", user, "", now, RESET_LIFE)
        await work.users.put(replace(user, password_hash="", epoch=user.epoch + 1))
        if wanted.second_factor:
            await work.access.second_factors.delete(user_id)
        await work.access.grants.add(grant)
        await work.audit.append(deed(request, "password_reset", user_id, second_factor=wanted.second_factor))
    parts.identities.forget()
    return OneTimeToken(user_id=user_id, token=secret, expires_at=grant.expires_at)


@router.patch("/{user_id}")
async def change_user(
    user_id: str, change: UserChange, request: Request, caller: PeopleWriter, parts: Parts
) -> UserShown:
    """Change role, password or standing of a person who has no more rights than the caller. In force everywhere within 5 s."""
    password_hash = await _hashed(parts, caller, user_id, change.password) if change.password is not None else None
    async with parts.store.begin(caller.tenant_id) as work:
        after = await _changed(work, caller, user_id, change, password_hash)
        await work.users.put(after)
        await work.audit.append(
            deed(
                request, "user_changed", user_id, role=after.role, disabled=after.disabled, password=bool(password_hash)
            )
        )
    parts.identities.forget()
    return shown(after)


async def _hashed(parts: Gateway, caller: Principal, user_id: str, password: str) -> str:
    """Their words are refused here, too: a guesser knows the address, whoever chose the password."""
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        user = await work.users.get(user_id)
    return await parts.passwords.hashed(password, *own_words(user.email))


async def _changed(
    work: UnitOfWork, caller: Principal, user_id: str, change: UserChange, password_hash: str | None
) -> User:
    before = await work.users.get(user_id)
    await check_may_give(work, caller, before.role)
    after = replace(
        before,
        role=change.role or before.role,
        disabled=before.disabled if change.disabled is None else change.disabled,
        password_hash=password_hash or before.password_hash,
    )
    await check_may_give(work, caller, after.role)
    if user_id == caller.subject and (after.disabled or after.role != before.role):
        raise Conflict("own_account", "Nobody can take away their own rights.")
    return after if after == before else replace(after, epoch=before.epoch + 1)


def _new_user(caller: Principal, email: str, role: str, password_hash: str, now: datetime) -> User:
    return User(new_id("user"), caller.tenant_id, email, role, password_hash, now)
