"""What the gateway is made of, and how its routes reach it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import HTTPConnection

from voiceagent.gateway.identity.callers import GatewayRates
from voiceagent.gateway.identity.grounds import Identities
from voiceagent.gateway.identity.guesses import Devices, Guesses
from voiceagent.gateway.identity.oidc import OidcClient, OidcOptions
from voiceagent.gateway.identity.passwords import Passwords
from voiceagent.gateway.identity.second_factors import AuthenticatorApps
from voiceagent.gateway.identity.sessions import Sessions
from voiceagent.gateway.identity.tickets import Tickets
from voiceagent.gateway.link import LinkOptions, Links
from voiceagent.gateway.passing.entrance import Doors
from voiceagent.gateway.quotas import QuotaRates, Quotas
from voiceagent.gateway.replicas import Replicas
from voiceagent.gateway.shaping.hooks import Hooks
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.ports.cache import Cache
from voiceagent.ports.eventlog import EventLog
from voiceagent.ports.store import Store
from voiceagent.web.app import AppOptions
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.limits import Limiter


@dataclass(frozen=True, slots=True)
class SettingTold:
    """A setting as it may be shown; `routes/settings.py` says what each field is."""

    name: str
    variable: str
    meaning: str
    value: str | None
    is_set: bool
    default: str
    source: str
    place: str


@dataclass(frozen=True, slots=True)
class AreaTold:
    """Settings that belong together."""

    name: str
    meaning: str
    settings: tuple[SettingTold, ...]


@dataclass(frozen=True, slots=True)
class SettingsTold:
    """What this process runs by. apart: the other services run in processes of their own."""

    apart: bool = False
    areas: tuple[AreaTold, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What `create_gateway` needs. services: the URLs of `engine`, `voice`, `documents`.

    service_keys sign the tokens that services trust, access_keys those of signed-in users: never the same.
    least_gateways: so many share the limits at least while the cache is away.  event_log: the one of this process.
    """

    store: Store
    cache: Cache
    services: Mapping[str, Sequence[str]]
    service_keys: TokenKeys
    access_keys: TokenKeys
    app: AppOptions = field(default_factory=AppOptions)
    rates: GatewayRates = field(default_factory=GatewayRates)
    link: LinkOptions = field(default_factory=LinkOptions)
    oidc: OidcOptions | None = None
    quotas: QuotaRates = field(default_factory=QuotaRates)
    least_gateways: int = 1
    event_log: Callable[[], Awaitable[EventLog]] | None = None
    hooks: Hooks = field(default_factory=Hooks)
    doors: Doors = field(default_factory=Doors)
    settings: SettingsTold = SettingsTold()


@dataclass(frozen=True, slots=True)
class Gateway:
    """The running gateway, as `app.state.gateway`."""

    store: Store
    limiter: Limiter
    replicas: Replicas
    rates: GatewayRates
    links: Links
    identities: Identities
    sessions: Sessions
    tickets: Tickets
    guesses: Guesses
    devices: Devices
    access_keys: TokenKeys
    oidc: OidcClient | None
    quotas: Quotas
    hooks: Hooks = field(default_factory=Hooks)
    passwords: Passwords = field(default_factory=Passwords)
    second_factors: AuthenticatorApps = field(default_factory=AuthenticatorApps)
    clock: Clock = field(default_factory=SystemClock)
    event_log: Callable[[], Awaitable[EventLog]] | None = None
    settings: SettingsTold = SettingsTold()


def gateway_of(conn: HTTPConnection) -> Gateway:
    """The gateway that serves this request."""
    return cast(Gateway, conn.app.state.gateway)
