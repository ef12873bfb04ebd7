"""Composition root of the gateway: the store, the cache, the addresses of the services, the keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

from voiceagent.apps.config.told import told
from voiceagent.apps.custody.anchoring import start_anchoring
from voiceagent.apps.events.shared import event_log
from voiceagent.apps.first_start import Credentials, first_start
from voiceagent.apps.keyring import access_keys
from voiceagent.apps.parts import Parts
from voiceagent.apps.privacy import masked
from voiceagent.apps.run import Process
from voiceagent.apps.settings import LimitsSettings, Settings
from voiceagent.gateway.identity.callers import GatewayRates
from voiceagent.gateway.identity.oidc import OidcOptions
from voiceagent.gateway.link import LinkOptions
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.passing.entrance import Doors
from voiceagent.gateway.quotas import QuotaRates
from voiceagent.gateway.routes_proxied import FORWARDED
from voiceagent.gateway.server import create_gateway
from voiceagent.gateway.shaping.hooks import Hooks
from voiceagent.gateway.shaping.rules import read_rules
from voiceagent.kit.calls.upkeep import Find
from voiceagent.kit.errors import Misconfigured
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
            services={name: () if find else settings.service_urls(name) for name in ("engine", "voice", "documents")},
            service_keys=parts.service_keys,
            access_keys=access_keys(settings),
            app=parts.app_options(origins(settings)),
            quotas=quotas(limits),
            hooks=hooks(settings),
            doors=Doors(settings.server.hosts, settings.server.proxies),
            rates=GatewayRates(caller=Rate("caller", limits.requests_per_s, limits.request_burst)),
            least_gateways=limits.gateways,
            link=LinkOptions(probes=parts.apart, find=find, tls=parts.tls.caller),
            oidc=_oidc(settings),
            event_log=partial(event_log, parts),
            settings=told(settings, parts.origins, apart=parts.apart),
        )
    )
    sockets = app.state.gateway.links.sockets
    if parts.apart:
        parts.at_drain(lambda: sockets.shut(within_s=settings.server.drain_s))
    return Listener(app, settings.server.gateway_port, settings.server.host, parts.tls.doors, settings.tls.hsts_s)


def quotas(limits: LimitsSettings) -> QuotaRates:
    """What the settings leave to one caller and one organisation; what costs most is half of all calls."""
    per_s, burst, of_all = limits.requests_per_s, limits.request_burst, limits.tenant_requests_per_s
    call_s_per_s, kib_per_s = limits.call_hours_per_day / 24, limits.uploaded_mib_per_hour * 1024 / 3600
    dear_per_s, dear_burst = per_s / 2, max(1, burst // 2)
    return QuotaRates(
        tenant=Rate("tenant", of_all, max(1, round(2 * of_all))),
        generate=Rate("generate", dear_per_s, dear_burst),
        search=Rate("search", per_s, burst),
        upload=Rate("upload", dear_per_s, dear_burst),
        read=Rate("read", per_s, burst),
        write=Rate("write", per_s, burst),
        uploaded_kib=Rate("uploaded_kib", kib_per_s, max(limits.upload_bytes // 512, round(256 * kib_per_s))),
        call_s=Rate("call_s", call_s_per_s, max(60, round(720 * call_s_per_s))),
        calls_of_caller=limits.calls,
        calls_of_tenant=limits.tenant_calls,
        at_once_of_tenant=limits.tenant_requests_at_once,
    )


def hooks(settings: Settings) -> Hooks:
    """The operator's rules and plugins. Raises Misconfigured `bad_hook`."""
    wanted = settings.hooks
    try:
        raw = Path(wanted.file).expanduser().read_bytes() if wanted.file else b'{"rules":[]}'
        found = {one.name: one for one in entry_points(group="voiceagent.hooks") if one.name in wanted.plugins}
        plugins = tuple((name, found[name].load()) for name in wanted.plugins)
    except OSError as error:
        raise Misconfigured("bad_hook", f"hooks.file: {wanted.file} cannot be read: {error.strerror}") from error
    except (KeyError, ImportError, AttributeError) as error:
        raise Misconfigured("bad_hook", f"hooks.plugins: {error} is not installed, or cannot be loaded") from error
    rules = read_rules(raw, (row.path for row in FORWARDED))
    return Hooks(rules, masked, plugins, wanted.budget_ms / 1000)


def _oidc(settings: Settings) -> OidcOptions | None:
    identity, server = settings.identity, settings.server
    if not identity.oidc_issuer:
        return None
    public = identity.public_url or f"{settings.scheme}://localhost:{server.gateway_port}"
    return OidcOptions(
        issuer=identity.oidc_issuer,
        client_id=identity.oidc_client_id,
        client_secret=identity.oidc_client_secret.get_secret_value(),
        role=identity.oidc_role,
        redirect_uri=f"{public.rstrip('/')}/api/v1/auth/oidc/callback",
        return_to=identity.dashboard_url or f"{settings.scheme}://localhost:{server.dashboard_port}/",
    )


def origins(settings: Settings) -> tuple[str, ...]:
    """Browser origins that may call: the dashboard under the names of this machine, and what the operator allows."""
    server = settings.server
    hosts = dict.fromkeys(("127.0.0.1", "localhost", server.host))
    return (*(f"{settings.scheme}://{host}:{server.dashboard_port}" for host in hosts), *server.allowed_origins)


async def prepare(parts: Parts) -> Credentials | None:
    """Create tenant, owner and keys when the store has none."""
    settings = parts.settings
    return await first_start(
        parts.store, email=settings.identity.owner_email, data_dir=settings.data.dir, clock=parts.clock
    )


async def _compose(parts: Parts) -> Sequence[Listener]:
    await start_anchoring(parts)
    return [listener(parts, await parts.places.find())]


PROCESS = Process("gateway", ("store", "cache"), _compose)
