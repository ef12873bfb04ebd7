"""Sessions of people: opened at sign-in, kept up by rotating refresh tokens or one cookie, ended by anybody who may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from starlette.requests import HTTPConnection

from voiceagent.domain.identity import Grant, Principal, Session, User, scopes_of
from voiceagent.gateway.deeds import deed
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto import random_token, sha256_hex
from voiceagent.kit.errors import NotFound, Unauthenticated
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store, UnitOfWork
from voiceagent.web.tokens import AccessTokens

SESSION_LIFE = timedelta(days=30)
COOKIE_LIFE = timedelta(hours=12)
REFRESH_IDLE = timedelta(days=14)
"""A session whose refresh token is not used for so long is over."""

_MARKS = {"refresh": "vr_", "cookie": "vc_", "invitation": "vi_", "reset": "vp_"}


@dataclass(frozen=True, slots=True)
class SignedSession:
    """A session with the secret that keeps it up (a refresh token or a cookie) and, except for cookies, an access token."""

    session: Session
    secret: str
    access_token: str


def handed_out(kind: str, user: User, session_id: str, now: datetime, life: timedelta) -> tuple[Grant, str]:
    """A fresh secret and the grant that stands for it in the store."""
    secret = _MARKS[kind] + random_token(32)
    grant = Grant(sha256_hex(secret.encode()), user.tenant_id, kind, user.user_id, session_id, now, now + life)
    return grant, secret


class Sessions:
    """Opens, continues and ends sessions. Rows are written in the transaction of the deed."""

    def __init__(self, store: Store, access: AccessTokens, *, clock: Clock | None = None) -> None:
        self._store = store
        self._access = access
        self._clock = clock or SystemClock()

    async def open(
        self, work: UnitOfWork, user: User, method: str, kind: Literal["refresh", "cookie"]
    ) -> SignedSession:
        """A new session of `user`, who has proved to be them by `method`. kind: what keeps it up."""
        now = self._clock.now()
        life = COOKIE_LIFE if kind == "cookie" else SESSION_LIFE
        session = Session(new_id("ses"), user.user_id, user.epoch, method, now, now + life)
        await work.access.sessions.add(session)
        return await self._kept_up(work, user, session, kind)

    async def refresh(self, conn: HTTPConnection, secret: str) -> SignedSession:
        """The next pair of tokens. Each refresh token works once; a second use ends the whole session.

        Raises Unauthenticated `bad_refresh_token`.
        """
        grant = await self._store.directory.grant_by_sha256(sha256_hex(secret.encode()))
        if grant is None or grant.kind != "refresh":
            raise _bad_refresh()
        async with self._store.begin(grant.tenant_id) as work:
            renewed = await self._rotated(conn, work, grant)
        if renewed is None:  # what ended must be committed before it is told
            raise _bad_refresh()
        return renewed

    async def _rotated(self, conn: HTTPConnection, work: UnitOfWork, grant: Grant) -> SignedSession | None:
        now = self._clock.now()
        if not await work.access.grants.use(grant.secret_sha256, now):
            if await work.access.sessions.end(grant.session_id, now):
                await work.audit.append(deed(conn, "refresh_token_reused", grant.session_id, user_id=grant.user_id))
            return None
        session = await work.access.sessions.get(grant.session_id)
        try:
            user = await work.users.get(grant.user_id)
        except NotFound:
            return None
        if session is None or user.disabled or not session.stands(user, now) or grant.expires_at <= now:
            return None
        return await self._kept_up(work, user, session, "refresh")

    async def _kept_up(
        self, work: UnitOfWork, user: User, session: Session, kind: Literal["refresh", "cookie"]
    ) -> SignedSession:
        now = self._clock.now()
        life = session.expires_at - now
        grant, secret = handed_out(
            kind, user, session.session_id, now, life if kind == "cookie" else min(life, REFRESH_IDLE)
        )
        await work.access.grants.add(grant)
        if kind == "cookie":
            return SignedSession(session, secret, "")
        scopes = scopes_of(user.role) or scopes_of(user.role, await work.access.roles.all())
        principal = Principal(user.tenant_id, user.user_id, scopes, kind="user")
        return SignedSession(session, secret, self._access.issue(principal, session.session_id))

    async def end(self, work: UnitOfWork, session_id: str) -> bool:
        """End one session; False when there is none."""
        return await work.access.sessions.end(session_id, self._clock.now())


def _bad_refresh() -> Unauthenticated:
    return Unauthenticated("bad_refresh_token", "The refresh token is not valid, or was used before.")
