"""/api/v1/auth: signing in by password, keeping the session up, leaving it; a password for an invitation or a reset."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from voiceagent.domain.identity import DEFAULT_TENANT_ID, Grant, User, email_key
from voiceagent.gateway.deeds import deed
from voiceagent.gateway.identity.callers import address_of
from voiceagent.gateway.identity.cookies import (
    DEVICE_COOKIE,
    SESSION_COOKIE,
    clear_cookie,
    csrf_token,
    set_cookie,
)
from voiceagent.gateway.identity.grounds import Grounds
from voiceagent.gateway.identity.guesses import Account
from voiceagent.gateway.identity.routes.shapes import Caller, Parts, Password, Strict
from voiceagent.gateway.identity.sessions import COOKIE_LIFE, SignedSession
from voiceagent.gateway.parts import Gateway
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.errors import NotFound, Unauthenticated
from voiceagent.ports.store import UnitOfWork
from voiceagent.web.app import Router
from voiceagent.web.auth import anyone
from voiceagent.web.context import context_of
from voiceagent.web.tokens import ACCESS_LIFE_S

router: APIRouter = Router(prefix="/api/v1/auth", tags=["auth"])
_clock = SystemClock()
_CODE_NEEDED = "This account also needs the code of its authenticator app."
_CODE_WRONG = "This is not the code that the app shows now, or it was used before."


class SignIn(Strict):
    """E-mail and password. code: of the authenticator app, or a recovery code. cookie: keep the session in a cookie, for browsers."""

    email: str = Field(max_length=256)
    password: Password
    code: Annotated[str, Field(max_length=32)] = ""
    cookie: bool = False


class SignedIn(BaseModel):
    """Tokens of a session, or, when its secret lies in a cookie, what to send in X-CSRF-Token with every change."""

    access_token: str | None = None
    token_type: str = "Bearer"  # noqa: S105 the name of the scheme
    expires_in: int = ACCESS_LIFE_S
    refresh_token: str | None = None
    csrf_token: str | None = None


class Refresh(Strict):
    """The refresh token; it works once."""

    refresh_token: str = Field(max_length=256)


class NewPassword(Strict):
    """The token of an invitation or a reset, and the password that shall hold from now on."""

    token: str = Field(max_length=256)
    password: Password


@router.post("/login", dependencies=[Depends(anyone)])
async def sign_in(wanted: SignIn, request: Request, response: Response, parts: Parts) -> SignedIn:
    """A session for an e-mail and its password."""
    account = email_key(wanted.email)
    await parts.limiter.take(request, parts.rates.sign_in, f"address\0{address_of(request)}")
    user = await parts.store.directory.user_by_email(account)
    tries = Account(account, parts.devices.known(request.cookies.get(DEVICE_COOKIE, ""), user))
    await parts.guesses.take(request, tries)
    fits = await parts.passwords.match(user.password_hash if user else None, wanted.password)
    if user is None or not fits or user.disabled:
        await _note_failure(request, parts, user)
        raise Unauthenticated("bad_sign_in", "The e-mail or the password is wrong.")
    async with parts.store.begin(user.tenant_id) as work:
        if await parts.second_factors.check(work, user, wanted.code):
            signed = await _opened(request, parts, work, user, as_cookie=wanted.cookie)
        else:
            signed = None
            await work.audit.append(deed(request, "sign_in_failed", user.user_id, factor="second"))
    if signed is None:
        if wanted.code:
            raise Unauthenticated("second_factor_wrong", _CODE_WRONG, param="code")
        raise Unauthenticated("second_factor_needed", _CODE_NEEDED, param="code")
    await _upgrade(parts, user, wanted.password)
    await parts.guesses.forgive(tries)
    return answer(request, response, parts, user, signed)


async def _opened(request: Request, parts: Gateway, work: UnitOfWork, user: User, *, as_cookie: bool) -> SignedSession:
    signed = await parts.sessions.open(work, user, "password", "cookie" if as_cookie else "refresh")
    await work.audit.append(deed(request, "signed_in", user.user_id, session_id=signed.session.session_id))
    return signed


def answer(request: Request, response: Response, parts: Gateway, user: User, signed: SignedSession) -> SignedIn:
    """What the person's client gets: cookies or tokens, and the mark of a device that may try again when others guess."""
    device = parts.devices.mark(user)
    set_cookie(request, response, DEVICE_COOKIE, device, life_s=parts.devices.LIFE_S)
    if signed.access_token:
        return SignedIn(access_token=signed.access_token, refresh_token=signed.secret)
    life_s = int(COOKIE_LIFE.total_seconds())
    set_cookie(request, response, SESSION_COOKIE, signed.secret, life_s=life_s)
    return SignedIn(csrf_token=csrf_token(signed.secret), expires_in=life_s)


async def _note_failure(request: Request, parts: Gateway, user: User | None) -> None:
    """A row for an unknown account, too: both cost the same time."""
    async with parts.store.begin(user.tenant_id if user else DEFAULT_TENANT_ID) as work:
        await work.audit.append(deed(request, "sign_in_failed", user.user_id if user else "unknown", factor="password"))


async def _upgrade(parts: Gateway, user: User, password: str) -> None:
    """Hash the password anew when today's parameters are stronger than those of its hash."""
    if not parts.passwords.is_outdated(user.password_hash):
        return
    password_hash = await parts.passwords.rehashed(password)
    async with parts.store.begin(user.tenant_id) as work:
        current = await work.users.get(user.user_id)
        if current.password_hash == user.password_hash:
            await work.users.put(replace(current, password_hash=password_hash))


@router.post("/refresh", dependencies=[Depends(anyone)])
async def refresh(wanted: Refresh, request: Request, parts: Parts) -> SignedIn:
    """The next access token and the next refresh token. A second use of a refresh token ends its session."""
    await parts.limiter.take(request, parts.rates.address, f"refresh\0{address_of(request)}")
    try:
        signed = await parts.sessions.refresh(request, wanted.refresh_token)
    except Unauthenticated:
        parts.identities.forget()  # the session may have ended by it
        await parts.limiter.take(request, parts.rates.failures, address_of(request))
        raise
    return SignedIn(access_token=signed.access_token, refresh_token=signed.secret)


@router.get("/session")
async def session(request: Request, caller: Caller) -> SignedIn:
    """The CSRF token of the session in the cookie, for a page that was loaded anew."""
    secret = request.cookies.get(SESSION_COOKIE)
    if not secret or "authorization" in request.headers:
        raise NotFound("no_cookie_session", "This call carries no session cookie.")
    return SignedIn(csrf_token=csrf_token(secret), expires_in=int(COOKIE_LIFE.total_seconds()))


@router.post("/logout", status_code=204)
async def sign_out(request: Request, response: Response, caller: Caller, parts: Parts) -> None:
    """End the session of this call, with its tokens, cookie and sockets, everywhere within 5 s."""
    grounds = context_of(request).grounds
    session_id = grounds.session_id if isinstance(grounds, Grounds) else ""
    if not session_id:
        raise NotFound("no_session", "This call belongs to no session; revoke the key instead.")
    async with parts.store.begin(caller.tenant_id) as work:
        await parts.sessions.end(work, session_id)
        await work.audit.append(deed(request, "signed_out", session_id))
    parts.identities.forget()
    clear_cookie(request, response, SESSION_COOKIE)


@router.post("/password", status_code=204, dependencies=[Depends(anyone)])
async def accept(wanted: NewPassword, request: Request, parts: Parts) -> None:
    """Set the first password after an invitation, or a new one after a reset. The token works once; older sessions end."""
    await parts.limiter.take(request, parts.rates.sign_in, f"address\0{address_of(request)}")
    grant = await parts.store.directory.grant_by_sha256(sha256_hex(wanted.token.encode()))
    now = _clock.now()
    if grant is None or grant.kind not in ("invitation", "reset") or grant.expires_at <= now:
        raise _bad_link()
    user = await _person(parts, grant)
    password_hash = await parts.passwords.hashed(wanted.password, *own_words(user.email))
    async with parts.store.begin(grant.tenant_id) as work:
        if not await work.access.grants.use(grant.secret_sha256, now):
            raise _bad_link()
        user = await work.users.get(grant.user_id)
        await work.users.put(replace(user, password_hash=password_hash, epoch=user.epoch + 1))
        await work.audit.append(deed(request, "password_set", user.user_id, by=grant.kind))
    parts.identities.forget()


async def _person(parts: Gateway, grant: Grant) -> User:
    async with parts.store.begin(grant.tenant_id, read_only=True) as work:
        user = await work.users.get(grant.user_id)
    if user.disabled:
        raise _bad_link()
    return user


def own_words(email: str) -> tuple[str, ...]:
    """What a guesser knows of a person: the words of the e-mail."""
    return tuple("".join(char if char.isalnum() else " " for char in email).split())


def _bad_link() -> Unauthenticated:
    return Unauthenticated("bad_one_time_token", "The token is not valid, was used before, or has expired.")
