"""Who calls the gateway: one credential a call, read from where it may stand, behind the rate limits."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache, partial

from starlette.requests import HTTPConnection

from voiceagent.domain.identity import Principal
from voiceagent.gateway.identity.cookies import SESSION_COOKIE, check_csrf
from voiceagent.gateway.identity.grounds import Grounds, Identities
from voiceagent.gateway.identity.guesses import TIERS
from voiceagent.gateway.identity.tickets import Tickets
from voiceagent.gateway.quotas import Quotas
from voiceagent.kit.errors import Forbidden, Unauthenticated
from voiceagent.web.context import context_of
from voiceagent.web.limits import Claim, Limiter, Rate

_LONGEST_ADDRESS = 64
_SUBPROTOCOL_KEY = "openai-insecure-api-key."


@dataclass(frozen=True, slots=True)
class GatewayRates:
    """Limits of the public door. address: calls from one network address.  caller: calls of one key or user.

    failures: wrong credentials from one address.  sign_in: tries to sign in from one address.  account: tries at one account.
    """

    address: Rate = Rate("address", 300.0, 600)  # noqa: RUF009 frozen, too
    caller: Rate = Rate("caller", 100.0, 200)  # noqa: RUF009
    failures: Rate = Rate("failures", 0.5, 20)  # noqa: RUF009
    sign_in: Rate = Rate("sign_in", 0.1, 10)  # noqa: RUF009
    account: tuple[Rate, ...] = TIERS


class GatewayAuthenticator:
    """The authenticator of the gateway: one credential a call, limits before and after it is looked at.

    origins: pages that may open sockets from a browser, besides those of this host itself.
    """

    def __init__(
        self,
        identities: Identities,
        tickets: Tickets,
        quotas: Quotas,
        limiter: Limiter,
        rates: GatewayRates,
        origins: tuple[str, ...] = (),
    ) -> None:
        self._identities = identities
        self._tickets = tickets
        self._quotas = quotas
        self._limiter = limiter
        self._rates = rates
        self._origins = frozenset(origins)

    async def __call__(self, conn: HTTPConnection) -> Principal | None:
        address = Claim(self._rates.address, address_of(conn))
        self._limiter.check_here(conn, address)
        if conn.scope["type"] == "websocket":
            self._check_origin(conn)
        try:
            principal = await self._identify(conn)
        except Unauthenticated:
            await self._limiter.take_all(conn, (address, Claim(self._rates.failures, address.owner)))
            raise
        if principal is None:
            await self._limiter.take_all(conn, (address,))
        else:
            await self._quotas.admit(conn, principal, address, self._rates.caller)
        return principal

    def _check_origin(self, conn: HTTPConnection) -> None:
        """Browsers let any page open a socket anywhere and say only where the page is from; programs say nothing."""
        origin = conn.headers.get("origin")
        if origin is None or origin in self._origins:
            return
        if origin.partition("://")[2] != conn.headers.get("host"):
            raise Forbidden("origin_not_allowed", "Pages of this origin may not connect; the operator can allow it.")

    async def _identify(self, conn: HTTPConnection) -> Principal | None:
        grounds = await self._grounds(conn)
        if grounds is None:
            return None
        context = context_of(conn)
        context.grounds = grounds
        context.recheck = partial(self._identities.principal, grounds)
        return await context.recheck()

    async def _grounds(self, conn: HTTPConnection) -> Grounds | None:
        offered = _credentials(conn)
        ticket = await self._tickets.redeem(conn) if conn.scope["type"] == "websocket" else None
        if len(offered) + (ticket is not None) > 1:
            raise Unauthenticated("two_credentials", "The call carries more than one credential.")
        if ticket is not None:
            return ticket
        if not offered:
            return await self._of_cookie(conn)
        if offered[0].count(".") == 2:
            return self._identities.of_token(offered[0])
        return self._identities.of_key(offered[0])

    async def _of_cookie(self, conn: HTTPConnection) -> Grounds | None:
        secret = conn.cookies.get(SESSION_COOKIE)
        if not secret:
            return None
        check_csrf(conn, secret)
        return await self._identities.of_cookie(secret)


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
    return _network_of(conn.client.host) if conn.client is not None else "unknown"


@lru_cache(maxsize=4096)
def _network_of(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:_LONGEST_ADDRESS]  # what a proxy in front said
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))
