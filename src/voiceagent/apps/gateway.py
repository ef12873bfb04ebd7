"""Composition root of the gateway: the store, the cache, the addresses of the services, the keys."""

from __future__ import annotations

from collections.abc import Sequence

from voiceagent import __version__
from voiceagent.apps.first_start import Credentials, first_start
from voiceagent.apps.keyring import access_keys
from voiceagent.apps.parts import Parts
from voiceagent.apps.run import Process
from voiceagent.apps.settings import Settings
from voiceagent.gateway.identity.callers import GatewayRates
from voiceagent.gateway.link import LinkOptions
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.server import create_gateway
from voiceagent.kit.calls.upkeep import Find
from voiceagent.web.app import AppOptions
from voiceagent.web.limits import Rate
from voiceagent.web.serve import Listener


def listener(parts: Parts, find: Find | None = None) -> Listener:
    """The gateway on its port. find: where the services run, when they run apart."""
    settings = parts.settings
    limits = settings.limits
    app = create_gateway(
        GatewayParts(
            store=parts.store,
            cache=parts.cache,
            services={name: settings.service_urls(name) for name in ("engine", "voice", "documents")},
            service_keys=parts.service_keys,
            access_keys=access_keys(settings),
            app=AppOptions(version=__version__, cors_origins=origins(settings)),
            rates=GatewayRates(caller=Rate("caller", limits.requests_per_s, limits.request_burst)),
            link=LinkOptions(find=find),
        )
    )
    sockets = app.state.gateway.links.sockets
    if parts.apart:
        parts.at_drain(lambda: sockets.ended(within_s=settings.server.drain_s))
    return Listener(app, settings.server.gateway_port, settings.server.host)


def origins(settings: Settings) -> tuple[str, ...]:
    """Browser origins that may call: the dashboard under the names of this machine, and what the operator allows."""
    server = settings.server
    hosts = dict.fromkeys(("127.0.0.1", "localhost", server.host))
    return (*(f"http://{host}:{server.dashboard_port}" for host in hosts), *server.allowed_origins)


async def prepare(parts: Parts) -> Credentials | None:
    """Create tenant, owner and keys when the store has none."""
    settings = parts.settings
    return await first_start(
        parts.store, email=settings.identity.owner_email, data_dir=settings.data.dir, clock=parts.clock
    )


async def _compose(parts: Parts) -> Sequence[Listener]:
    return [listener(parts, await parts.places.find())]


PROCESS = Process("gateway", ("store", "cache"), _compose)
