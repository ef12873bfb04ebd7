"""/api/v1/auth/oidc: to the identity provider and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse

from voiceagent.domain.identity import DEFAULT_TENANT_ID, User
from voiceagent.gateway.deeds import deed
from voiceagent.gateway.identity.callers import address_of
from voiceagent.gateway.identity.cookies import OIDC_COOKIE, SESSION_COOKIE, clear_cookie, set_cookie
from voiceagent.gateway.identity.oidc import BEGUN_LIFE_S, External, OidcClient
from voiceagent.gateway.identity.routes.shapes import Parts
from voiceagent.gateway.identity.sessions import COOKIE_LIFE
from voiceagent.gateway.parts import Gateway
from voiceagent.kit.errors import NotFound, Problem, Unauthenticated
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import UnitOfWork
from voiceagent.web.app import Router
from voiceagent.web.auth import anyone

Moved = Annotated[bool, Query(include_in_schema=False)]

router: APIRouter = Router(prefix="/api/v1/auth/oidc", tags=["auth"])


@router.get("/start", status_code=303, dependencies=[Depends(anyone)])
async def begin_oidc(request: Request, parts: Parts, *, moved: Moved = False) -> RedirectResponse:
    """Send the browser to the identity provider. moved: it was sent here from another name of this gateway, and is not sent on again."""
    client = _client(parts)
    home = urlsplit(client.options.redirect_uri)
    if not moved and request.headers.get("host", "") != home.netloc:
        # The provider sends the browser to that name: a cookie of this one would not be there.
        return RedirectResponse(f"{home.scheme}://{home.netloc}{request.url.path}?moved=true", 303)
    try:
        await parts.limiter.take(request, parts.rates.sign_in, f"address\0{address_of(request)}")
        url, browser = await client.begin()
    except Problem as problem:
        return _told(request, client, problem)
    response = RedirectResponse(url, 303)
    set_cookie(request, response, OIDC_COOKIE, browser, life_s=BEGUN_LIFE_S)
    return response


@router.get("/callback", status_code=303, dependencies=[Depends(anyone)])
async def finish_oidc(request: Request, parts: Parts) -> RedirectResponse:
    """Take the browser back with a session in its cookie, and on to the dashboard."""
    client = _client(parts)
    try:
        return await _finished(request, parts, client)
    except Problem as problem:
        return _told(request, client, problem)


async def _finished(request: Request, parts: Gateway, client: OidcClient) -> RedirectResponse:
    external = await client.finish(dict(request.query_params), request.cookies.get(OIDC_COOKIE, ""))
    named = await parts.store.directory.user_by_email(external.email) if external.email else None
    async with parts.store.begin(DEFAULT_TENANT_ID) as work:
        user = await _person(work, external, named, _newcomer(parts, external))
        signed = None
        if user is None or user.disabled:
            known = user.user_id if user else "unknown"
            await work.audit.append(deed(request, "sign_in_failed", known, factor="oidc"))
        else:
            signed = await parts.sessions.open(work, user, "oidc", "cookie")
            await work.audit.append(deed(request, "signed_in", user.user_id, session_id=signed.session.session_id))
    if signed is None:
        raise Unauthenticated("oidc_unknown_person", "Nobody here is known by what the identity provider says.")
    response = RedirectResponse(client.options.return_to, 303)
    set_cookie(request, response, SESSION_COOKIE, signed.secret, life_s=int(COOKIE_LIFE.total_seconds()))
    clear_cookie(request, response, OIDC_COOKIE)
    return response


def _told(request: Request, client: OidcClient, problem: Problem) -> RedirectResponse:
    """A person is brought back to the dashboard, which finds words for the code; for programs the problem is raised."""
    if "text/html" not in request.headers.get("accept", ""):
        raise problem
    response = RedirectResponse(f"{client.options.return_to}?{urlencode({'failed': problem.code})}", 303)
    clear_cookie(request, response, OIDC_COOKIE)
    return response


def _client(parts: Gateway) -> OidcClient:
    if parts.oidc is None:
        raise NotFound("oidc_off", "No identity provider is set up.")
    return parts.oidc


def _newcomer(parts: Gateway, external: External) -> User | None:
    """The person to add when nobody fits; None where only known people may come in."""
    role = _client(parts).options.role
    if not role or not external.email:
        return None
    return User(new_id("user"), DEFAULT_TENANT_ID, external.email, role, "", parts.clock.now())


async def _person(work: UnitOfWork, external: External, named: User | None, newcomer: User | None) -> User | None:
    """By the link; the first time by `named`, who has the e-mail that the provider verified; or the newcomer."""
    linked = await work.access.links.user_id(external.sha256)
    if linked is not None:
        return await work.users.get(linked)
    if named is not None and named.tenant_id != DEFAULT_TENANT_ID:
        return None
    user = named or newcomer
    if user is None:
        return None
    if named is None:
        await work.users.add(user)
    await work.access.links.add(external.sha256, user.user_id, datetime.now(UTC))
    return user
