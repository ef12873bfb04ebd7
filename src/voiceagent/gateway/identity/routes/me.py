"""/api/v1/me: the caller, their sessions, their password, their authenticator app."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from voiceagent.domain.identity import Principal, Session, User
from voiceagent.gateway.deeds import deed
from voiceagent.gateway.identity.grounds import Grounds
from voiceagent.gateway.identity.guesses import Account
from voiceagent.gateway.identity.routes.shapes import Caller, Parts, Password, Strict
from voiceagent.gateway.identity.routes.sign_in import own_words
from voiceagent.gateway.identity.totp import enrolment_uri
from voiceagent.gateway.parts import Gateway
from voiceagent.kit.errors import Forbidden, NotFound, Unauthenticated
from voiceagent.ports.store import UnitOfWork
from voiceagent.web.app import Router
from voiceagent.web.context import context_of

router: APIRouter = Router(prefix="/api/v1/me", tags=["me"])


class Me(BaseModel):
    """The caller as the platform sees it. email, totp: of signed-in people alone; totp: an authenticator app is in force."""

    tenant_id: str
    subject: str
    kind: str
    scopes: list[str]
    email: str | None = None
    totp: bool | None = None


class SessionShown(BaseModel):
    """A sign-in that still holds. current: the one that asks."""

    session_id: str
    method: str
    created_at: datetime
    expires_at: datetime
    current: bool


class SessionList(BaseModel):
    """The caller's sessions, newest first."""

    items: list[SessionShown]


class PasswordChange(Strict):
    """The password as it is and as it shall be."""

    current: Password
    password: Password


class Enrolment(BaseModel):
    """The secret for an authenticator app, by hand or as a QR code; not in force before it is confirmed."""

    secret: str
    uri: str


class Code(Strict):
    """What the authenticator app shows."""

    code: Annotated[str, Field(min_length=6, max_length=32)]


class Proof(Strict):
    """The caller's password, and a code of the app that shall go."""

    password: Password
    code: Annotated[str, Field(min_length=6, max_length=32)]


class RecoveryCodes(BaseModel):
    """Each signs in once in place of a code, should the app be lost. Shown this once."""

    recovery_codes: list[str]


@router.get("", response_model_exclude_none=True)
async def me(caller: Caller, parts: Parts) -> Me:
    """Who the caller is and what it may do."""
    seen = Me(tenant_id=caller.tenant_id, subject=caller.subject, kind=caller.kind, scopes=sorted(caller.scopes))
    if caller.kind == "user":
        async with parts.store.begin(caller.tenant_id, read_only=True) as work:
            seen.email = (await _myself(work, caller)).email
            seen.totp = await parts.second_factors.in_force(work, caller.subject)
    return seen


@router.get("/sessions")
async def list_sessions(request: Request, caller: Caller, parts: Parts) -> SessionList:
    """The caller's sessions."""
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        user = await _myself(work, caller)
        found = await work.access.sessions.of_user(user.user_id)
    now, grounds = parts.clock.now(), context_of(request).grounds
    asking = grounds.session_id if isinstance(grounds, Grounds) else ""
    return SessionList(items=[_shown(one, asking) for one in found if one.stands(user, now)])


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: str, request: Request, caller: Caller, parts: Parts) -> None:
    """End one of the caller's sessions, everywhere within 5 s."""
    async with parts.store.begin(caller.tenant_id) as work:
        user = await _myself(work, caller)
        found = await work.access.sessions.get(session_id)
        if found is None or found.user_id != user.user_id:
            raise NotFound("session_not_found", "There is no such session.")
        await parts.sessions.end(work, session_id)
        await work.audit.append(deed(request, "session_ended", session_id))
    parts.identities.forget()


@router.post("/password", status_code=204)
async def change_password(wanted: PasswordChange, request: Request, caller: Caller, parts: Parts) -> None:
    """A new password. Every session of the caller ends, this one too."""
    user = await _proved(request, parts, caller, wanted.current)
    password_hash = await parts.passwords.hashed(wanted.password, *own_words(user.email))
    async with parts.store.begin(caller.tenant_id) as work:
        user = await work.users.get(user.user_id)
        await work.users.put(replace(user, password_hash=password_hash, epoch=user.epoch + 1))
        await work.audit.append(deed(request, "password_set", user.user_id, by="self"))
    parts.identities.forget()


@router.post("/totp", status_code=201)
async def begin_totp(request: Request, caller: Caller, parts: Parts) -> Enrolment:
    """Begin to use an authenticator app."""
    async with parts.store.begin(caller.tenant_id) as work:
        user = await _myself(work, caller)
        secret = await parts.second_factors.begin(work, user.user_id)
        await work.audit.append(deed(request, "second_factor_begun", user.user_id))
    return Enrolment(secret=secret, uri=enrolment_uri(secret, user.email))


@router.post("/totp/confirm")
async def confirm_totp(wanted: Code, request: Request, caller: Caller, parts: Parts) -> RecoveryCodes:
    """Put the authenticator app in force by its first code."""
    async with parts.store.begin(caller.tenant_id) as work:
        user = await _myself(work, caller)
        codes = await parts.second_factors.confirm(work, user.user_id, wanted.code)
        await work.audit.append(deed(request, "second_factor_confirmed", user.user_id))
    return RecoveryCodes(recovery_codes=list(codes))


@router.post("/totp/remove", status_code=204)
async def remove_totp(wanted: Proof, request: Request, caller: Caller, parts: Parts) -> None:
    """Do without the authenticator app from now on."""
    user = await _proved(request, parts, caller, wanted.password)
    async with parts.store.begin(caller.tenant_id) as work:
        holds = await parts.second_factors.check(work, user, wanted.code)
        if holds:
            await work.access.second_factors.delete(user.user_id)
            await work.audit.append(deed(request, "second_factor_removed", user.user_id))
    if not holds:
        raise Unauthenticated("second_factor_wrong", "This is not the code that the app shows now.", param="code")


def _shown(session: Session, asking: str) -> SessionShown:
    return SessionShown(
        session_id=session.session_id,
        method=session.method,
        created_at=session.created_at,
        expires_at=session.expires_at,
        current=session.session_id == asking,
    )


async def _myself(work: UnitOfWork, caller: Principal) -> User:
    """The person who calls, signed in: a key is not enough to change how somebody signs in."""
    if caller.kind != "user":
        raise Forbidden("not_signed_in", "Only a signed-in person can do this.")
    return await work.users.get(caller.subject)


async def _proved(request: Request, parts: Gateway, caller: Principal, password: str) -> User:
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        user = await _myself(work, caller)
    tries = Account(f"proof\0{user.user_id}", "")
    await parts.guesses.take(request, tries)
    if not await parts.passwords.match(user.password_hash or None, password):
        raise Unauthenticated("bad_sign_in", "The e-mail or the password is wrong.", param="password")
    await parts.guesses.forgive(tries)
    return user
