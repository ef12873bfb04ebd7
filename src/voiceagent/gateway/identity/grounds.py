"""What a caller's rights stand on, and whether they still stand: keys, sessions and people as the store has them now."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from voiceagent.domain.identity import ApiKey, Grant, Principal, Session, User, scopes_of
from voiceagent.gateway.identity.keys import is_well_formed
from voiceagent.gateway.identity.remembered import Remembered
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.errors import NotFound, Unauthenticated
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.store import Store
from voiceagent.web.tokens import AccessTokens

_USE_NOTED_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Grounds:
    """A credential after its form and signature were checked: a key by its digest, or a session of a person.

    scopes: what it was narrowed to, None for everything that its holder may do.  until_s: when it ends by itself, seconds since 1970.
    """

    key_sha256: str = ""
    tenant_id: str = ""
    user_id: str = ""
    session_id: str = ""
    scopes: frozenset[str] | None = None
    until_s: int | None = None

    def to_json(self) -> bytes:
        fields = {name: getattr(self, name) for name in ("key_sha256", "tenant_id", "user_id", "session_id", "until_s")}
        return json.dumps(fields | {"scopes": None if self.scopes is None else sorted(self.scopes)}).encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Grounds:
        fields = json.loads(raw)
        scopes = fields.pop("scopes")
        return cls(**fields, scopes=None if scopes is None else frozenset(scopes))


@dataclass(frozen=True, slots=True)
class _Standing:
    """A person as the store had them a moment ago. session: the one asked for."""

    user: User
    scopes: frozenset[str]
    session: Session | None


class Identities:
    """Turns credentials into grounds, and grounds into the caller that they make at this moment."""

    def __init__(self, store: Store, access: AccessTokens, *, clock: Clock | None = None) -> None:
        self._store = store
        self._access = access
        self._clock = clock or SystemClock()
        self._keys: Remembered[ApiKey | None] = Remembered(self._clock)
        self._people: Remembered[_Standing | None] = Remembered(self._clock)
        self._cookies: Remembered[Grant | None] = Remembered(self._clock)
        self._noted: dict[str, float] = {}
        self._tasks = TaskScope("identities")

    def of_key(self, secret: str) -> Grounds:
        """The grounds of an API key. Raises Unauthenticated `bad_api_key` when it cannot be one of ours."""
        if not is_well_formed(secret):
            raise _bad_key()
        return Grounds(key_sha256=sha256_hex(secret.encode()))

    def of_token(self, token: str) -> Grounds:
        """The grounds of an access token. Raises Unauthenticated `bad_token` or `token_expired`."""
        access = self._access.verify(token)
        claimed = access.principal
        return Grounds(
            tenant_id=claimed.tenant_id,
            user_id=claimed.subject,
            session_id=access.session_id,
            scopes=claimed.scopes,
            until_s=access.until_s,
        )

    async def of_cookie(self, secret: str) -> Grounds:
        """The grounds of a browser's session. Raises Unauthenticated `session_over`."""
        digest = sha256_hex(secret.encode())
        grant = await self._cookies.get(digest, lambda: self._store.directory.grant_by_sha256(digest))
        if grant is None or grant.kind != "cookie" or grant.expires_at <= self._clock.now():
            raise Unauthenticated("session_over", "The session is over; sign in again.")
        return Grounds(tenant_id=grant.tenant_id, user_id=grant.user_id, session_id=grant.session_id)

    async def principal(self, grounds: Grounds) -> Principal:
        """The caller, as of at most 4 s ago. Raises Unauthenticated when the grounds have gone."""
        if grounds.until_s is not None and self._clock.now().timestamp() >= grounds.until_s:
            raise Unauthenticated("token_expired", "The access token has expired.")
        caller = await (self._of_key(grounds) if grounds.key_sha256 else self._of_person(grounds))
        return caller if grounds.scopes is None else replace(caller, scopes=caller.scopes & grounds.scopes)

    async def _of_key(self, grounds: Grounds) -> Principal:
        digest = grounds.key_sha256
        key = await self._keys.get(digest, lambda: self._store.directory.key_by_sha256(digest))
        if key is None or key.revoked_at is not None:
            raise _bad_key()
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            raise Unauthenticated("api_key_expired", "The API key has expired.")
        scopes = key.scopes
        if key.user_id:
            owner = await self._standing(key.tenant_id, key.user_id, "")
            if owner is None:
                raise _bad_key()
            scopes = scopes & owner.scopes
        self._note_use(key.key_id)
        return Principal(key.tenant_id, key.user_id or key.key_id, scopes, kind="key")

    async def _of_person(self, grounds: Grounds) -> Principal:
        standing = await self._standing(grounds.tenant_id, grounds.user_id, grounds.session_id)
        if standing is None:
            raise Unauthenticated("bad_token", "The access token is not valid.")
        if standing.session is None or not standing.session.stands(standing.user, self._clock.now()):
            raise Unauthenticated("session_over", "The session is over; sign in again.")
        return Principal(grounds.tenant_id, grounds.user_id, standing.scopes, kind="user")

    async def _standing(self, tenant_id: str, user_id: str, session_id: str) -> _Standing | None:
        key = f"{tenant_id}\0{user_id}\0{session_id}"
        found = await self._people.get(key, lambda: self._load(tenant_id, user_id, session_id))
        return None if found is None or found.user.disabled else found

    async def _load(self, tenant_id: str, user_id: str, session_id: str) -> _Standing | None:
        try:
            async with self._store.begin(tenant_id, read_only=True) as work:
                user = await work.users.get(user_id)
                session = await work.access.sessions.get(session_id) if session_id else None
                scopes = scopes_of(user.role) or scopes_of(user.role, await work.access.roles.all())
        except NotFound:
            return None
        return _Standing(user, scopes, session if session is not None and session.user_id == user_id else None)

    def _note_use(self, key_id: str) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._noted.get(key_id, -_USE_NOTED_EVERY_S) >= _USE_NOTED_EVERY_S:
            if len(self._noted) > 10_000:
                self._noted.clear()
            self._noted[key_id] = now_s
            self._tasks.start(self._store.directory.key_used(key_id, self._clock.now()), name="key_used")

    def forget(self) -> None:
        """Ask the store again: a key, person, session or role was changed through this process."""
        for remembered in (self._keys, self._people, self._cookies):
            remembered.clear()

    async def close(self) -> None:
        """End what still runs."""
        for closing in (self._tasks, self._keys, self._people, self._cookies):
            await closing.close()


def _bad_key() -> Unauthenticated:
    return Unauthenticated("bad_api_key", "The API key is not valid.")
