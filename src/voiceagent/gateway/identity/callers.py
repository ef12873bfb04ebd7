"""Who calls the gateway: API keys and access tokens, checked against the store, behind the rate limits."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from voiceagent.domain.identity import ROLES, ApiKey, Principal, User
from voiceagent.gateway.identity.keys import is_well_formed
from voiceagent.gateway.identity.remembered import Remembered
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.errors import Forbidden, NotFound, Unauthenticated
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.store import Store
from voiceagent.web.limits import Limiter, Rate
from voiceagent.web.tokens import AccessTokens

_USE_NOTED_EVERY_S = 60.0
_SUBPROTOCOL_KEY = "openai-insecure-api-key."


class Identities:
    """Turns a credential into a Principal."""

    def __init__(self, store: Store, access: AccessTokens, *, clock: Clock | None = None) -> None:
        self._store = store
        self._access = access
        self._clock = clock or SystemClock()
        self._keys: Remembered[ApiKey | None] = Remembered(self._clock)
        self._users: Remembered[User | None] = Remembered(self._clock)
        self._noted: dict[str, float] = {}
        self._tasks = TaskScope("identities")

    async def of_key(self, secret: str) -> Principal:
        """The caller who holds this key. Raises Unauthenticated `bad_api_key` or `api_key_expired`."""
        if not is_well_formed(secret):
            raise _bad_key()
        digest = sha256_hex(secret.encode())
        key = await self._keys.get(digest, lambda: self._store.directory.key_by_sha256(digest))
        if key is None or key.revoked_at is not None:
            raise _bad_key()
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            raise Unauthenticated("api_key_expired", "The API key has expired.")
        scopes = key.scopes
        if key.user_id:
            owner = await self._user(key.tenant_id, key.user_id)
            if owner is None:
                raise _bad_key()
            scopes = scopes & ROLES[owner.role]
        self._note_use(key.key_id)
        return Principal(key.tenant_id, key.user_id or key.key_id, scopes, kind="key")

    async def of_token(self, token: str) -> Principal:
        """The signed-in caller. Raises Unauthenticated `bad_token` or `token_expired`."""
        claimed = self._access.verify(token).principal
        user = await self._user(claimed.tenant_id, claimed.subject)
        if user is None:
            raise Unauthenticated("bad_token", "The access token is not valid.")
        return Principal(claimed.tenant_id, claimed.subject, claimed.scopes & ROLES[user.role], kind="user")

    async def _user(self, tenant_id: str, user_id: str) -> User | None:
        user = await self._users.get(f"{tenant_id}\0{user_id}", lambda: self._load_user(tenant_id, user_id))
        return user if user is not None and not user.disabled and user.role in ROLES else None

    async def _load_user(self, tenant_id: str, user_id: str) -> User | None:
        try:
            async with self._store.begin(tenant_id, read_only=True) as work:
                return await work.users.get(user_id)
        except NotFound:
            return None

    def _note_use(self, key_id: str) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._noted.get(key_id, -_USE_NOTED_EVERY_S) >= _USE_NOTED_EVERY_S:
            if len(self._noted) > 10_000:
                self._noted.clear()
            self._noted[key_id] = now_s
            self._tasks.start(self._store.directory.key_used(key_id, self._clock.now()), name="key_used")

    def forget(self) -> None:
        """Ask the store again: a key or user was changed through this process."""
        self._keys.clear()
        self._users.clear()

    async def close(self) -> None:
        """End what still runs."""
        for closing in (self._tasks, self._keys, self._users):
            await closing.close()


def _bad_key() -> Unauthenticated:
    return Unauthenticated("bad_api_key", "The API key is not valid.")


@dataclass(frozen=True, slots=True)
class GatewayRates:
    """Limits of the public door. address: calls from one network address.  caller: calls of one key or user.

    failures: wrong credentials from one address.  sign_in: tries to sign in, for one address and for one account.
    """

    address: Rate = Rate("address", 300.0, 600)  # noqa: RUF009 frozen, too
    caller: Rate = Rate("caller", 100.0, 200)  # noqa: RUF009
    failures: Rate = Rate("failures", 0.5, 20)  # noqa: RUF009
    sign_in: Rate = Rate("sign_in", 0.1, 10)  # noqa: RUF009


class GatewayAuthenticator:
    """The authenticator of the gateway: one credential a call, limits before and after it is looked at.

    origins: pages that may open sockets from a browser, besides those of this host itself.
    """

    def __init__(
        self, identities: Identities, limiter: Limiter, rates: GatewayRates, origins: tuple[str, ...] = ()
    ) -> None:
        self._identities = identities
        self._limiter = limiter
        self._rates = rates
        self._origins = frozenset(origins)

    async def __call__(self, conn: HTTPConnection) -> Principal | None:
        address = address_of(conn)
        await self._limiter.take(conn, self._rates.address, address)
        if conn.scope["type"] == "websocket":
            self._check_origin(conn)
        try:
            principal = await self._identify(conn)
        except Unauthenticated:
            await self._limiter.take(conn, self._rates.failures, address)
            raise
        if principal is not None:
            await self._limiter.take(conn, self._rates.caller, f"{principal.tenant_id}\0{principal.subject}")
        return principal

    def _check_origin(self, conn: HTTPConnection) -> None:
        """Browsers let any page open a socket anywhere and say only where the page is from; programs say nothing."""
        origin = conn.headers.get("origin")
        if origin is None or origin in self._origins:
            return
        if origin.partition("://")[2] != conn.headers.get("host"):
            raise Forbidden("origin_not_allowed", "Pages of this origin may not connect; the operator can allow it.")

    async def _identify(self, conn: HTTPConnection) -> Principal | None:
        offered = _credentials(conn)
        if not offered:
            return None
        if len(offered) > 1:
            raise Unauthenticated("two_credentials", "The call carries more than one credential.")
        if offered[0].count(".") == 2:
            return await self._identities.of_token(offered[0])
        return await self._identities.of_key(offered[0])


def _credentials(conn: HTTPConnection) -> list[str]:
    offered = []
    for value in conn.headers.getlist("authorization"):
        scheme, _, credential = value.partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            raise Unauthenticated("bad_authorization", "The Authorization header is not `Bearer <key or token>`.")
        offered.append(credential.strip())
    for name in conn.scope.get("subprotocols", ()):
        if name.startswith(_SUBPROTOCOL_KEY):
            offered.append(name.removeprefix(_SUBPROTOCOL_KEY))
    return offered


def address_of(conn: HTTPConnection) -> str:
    """The network address of the peer; IPv6 by its /64, which is what one customer gets."""
    host = conn.client.host if conn.client is not None else "unknown"
    return ":".join(host.split(":")[:4]) if host.count(":") > 1 else host
