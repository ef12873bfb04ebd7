"""What our tokens say: service tokens (gateway to service, with the caller's identity) and access tokens of signed-in users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from voiceagent.domain.identity import SCOPES, Principal
from voiceagent.kit.calls.travel import arrived
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Unauthenticated
from voiceagent.web.context import adopt_request_id, context_of
from voiceagent.web.jwt import LEEWAY_S, TokenKeys, Tokens

SERVICE_HEADER = "X-Voiceagent-Service"
SERVICE_LIFE_S = 300
SERVICE_REUSE_S = 60
ACCESS_LIFE_S = 900
_CACHED = 4096


class ServiceTokens:
    """Tokens with which one of our services calls another in the name of a caller.

    Signing (about 0.1 ms) happens once a minute for each caller and service, verifying once for each token.
    """

    def __init__(self, keys: TokenKeys, *, clock: Clock | None = None) -> None:
        self._tokens = Tokens(keys, typ="va-service+jwt", issuer="voiceagent", max_life_s=SERVICE_LIFE_S, clock=clock)
        self._made: dict[tuple[Principal, str], tuple[str, int]] = {}
        self._seen: dict[tuple[str, str], tuple[Principal, int]] = {}

    def issue(self, principal: Principal, audience: str) -> str:
        """A token with which the service `audience` (engine, voice, documents) acts for `principal`. Good for at least 4 minutes."""
        now_s = self._tokens.now_s()
        token, made_s = self._made.get((principal, audience), ("", 0))
        if not made_s <= now_s < made_s + SERVICE_REUSE_S:  # a clock that went back: nobody takes tokens of the future
            token = self._tokens.sign(audience, _claims(principal))
            _remember(self._made, (principal, audience), (token, now_s))
        return token

    def verify(self, token: str, audience: str) -> Principal:
        """The caller in whose name the token was made. Raises Unauthenticated `bad_token` or `token_expired`."""
        principal, good_until_s = self._seen.get((token, audience), (None, 0))
        if principal is None or self._tokens.now_s() >= good_until_s:
            claims = self._tokens.read(token, audience)
            principal = _principal(claims)
            _remember(self._seen, (token, audience), (principal, int(claims["exp"])))
        return principal


class ServiceAuthenticator:
    """The authenticator of the services behind the gateway: takes service tokens made for `audience` and nothing else."""

    def __init__(self, tokens: ServiceTokens, audience: str) -> None:
        self._tokens = tokens
        self._audience = audience

    async def __call__(self, conn: HTTPConnection) -> Principal | None:
        offered = conn.headers.getlist(SERVICE_HEADER)
        if not offered:
            return None
        if len(offered) > 1:
            raise Unauthenticated("bad_token", "The service token is given twice.")
        principal = self._tokens.verify(offered[0], self._audience)
        adopt_request_id(conn)
        arrived(context_of(conn).request_id, conn.headers)
        return principal


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token says: whose it is, what it may do, the session that it belongs to, when it ends (seconds since 1970)."""

    principal: Principal
    session_id: str
    until_s: int


class AccessTokens:
    """Access tokens of people who signed in; they live 15 minutes."""

    def __init__(self, keys: TokenKeys, *, clock: Clock | None = None) -> None:
        self._tokens = Tokens(keys, typ="at+jwt", issuer="voiceagent", max_life_s=ACCESS_LIFE_S, clock=clock)

    def issue(self, principal: Principal, session_id: str) -> str:
        """A token for the public API."""
        return self._tokens.sign("api", _claims(principal) | {"sid": session_id})

    def verify(self, token: str) -> Access:
        """Raises Unauthenticated `bad_token` or `token_expired`. Whether the user still exists is the caller's to check."""
        claims = self._tokens.read(token, "api")
        session_id = claims.get("sid")
        principal = _principal(claims)
        if not isinstance(session_id, str) or not session_id or principal.kind != "user":
            raise Unauthenticated("bad_token", "The access token is not valid.")
        return Access(principal, session_id, int(claims["exp"]) + LEEWAY_S)


def _claims(principal: Principal) -> dict[str, object]:
    return {
        "sub": principal.subject,
        "tid": principal.tenant_id,
        "scp": sorted(principal.scopes),
        "knd": principal.kind,
    }


def _principal(claims: dict[str, Any]) -> Principal:
    tenant_id, scopes, kind = claims.get("tid"), claims.get("scp"), claims.get("knd")
    well_formed = isinstance(tenant_id, str) and tenant_id and isinstance(scopes, list)
    if not well_formed or kind not in ("key", "user", "service") or not all(scope in SCOPES for scope in scopes or ()):
        raise Unauthenticated("bad_token", "The access token is not valid.")
    return Principal(str(tenant_id), claims["sub"], frozenset(scopes or ()), kind)


def _remember(cache: dict[Any, Any], key: Any, value: Any) -> None:
    while len(cache) >= _CACHED:
        del cache[next(iter(cache))]
    cache.pop(key, None)
    cache[key] = value
