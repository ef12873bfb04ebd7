"""What the gateway is made of, and how its routes reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import HTTPConnection

from voiceagent.gateway.identity.callers import GatewayRates, Identities
from voiceagent.gateway.identity.passwords import Passwords
from voiceagent.gateway.link import LinkOptions, Links
from voiceagent.ports.cache import Cache
from voiceagent.ports.store import Store
from voiceagent.web.app import AppOptions
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.limits import Limiter
from voiceagent.web.tokens import AccessTokens


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What `create_gateway` needs. services: the URLs of `engine`, `voice`, `documents`.

    service_keys sign the tokens that services trust, access_keys those of signed-in users: never the same.
    """

    store: Store
    cache: Cache
    services: Mapping[str, Sequence[str]]
    service_keys: TokenKeys
    access_keys: TokenKeys
    app: AppOptions = field(default_factory=AppOptions)
    rates: GatewayRates = field(default_factory=GatewayRates)
    link: LinkOptions = field(default_factory=LinkOptions)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The running gateway, as `app.state.gateway`."""

    store: Store
    identities: Identities
    access: AccessTokens
    passwords: Passwords
    limiter: Limiter
    rates: GatewayRates
    links: Links


def gateway_of(conn: HTTPConnection) -> Gateway:
    """The gateway that serves this request."""
    return cast(Gateway, conn.app.state.gateway)
