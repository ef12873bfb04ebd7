"""The gateway on :8080: the only public door. Puts its parts together; what it does stands in the files beside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from voiceagent.gateway.denials import Denials
from voiceagent.gateway.identity.callers import GatewayAuthenticator
from voiceagent.gateway.identity.grounds import Identities
from voiceagent.gateway.identity.guesses import Devices, Guesses
from voiceagent.gateway.identity.oidc import OidcClient
from voiceagent.gateway.identity.routes import jwks, keys, me, media_tickets, oidc, people, roles, sign_in
from voiceagent.gateway.identity.sessions import Sessions
from voiceagent.gateway.identity.tickets import Tickets
from voiceagent.gateway.link import Links
from voiceagent.gateway.open_calls import OpenCalls
from voiceagent.gateway.parts import Gateway, GatewayParts
from voiceagent.gateway.passing.entrance import Entrance, behind
from voiceagent.gateway.quotas import Quotas
from voiceagent.gateway.replicas import Replicas
from voiceagent.gateway.routes import audit, events, health, limits, settings
from voiceagent.gateway.routes_proxied import add_proxied
from voiceagent.gateway.shaping.record import record_change
from voiceagent.web.app import create_app
from voiceagent.web.limits import Limiter
from voiceagent.web.repeats.joined import joined
from voiceagent.web.repeats.once import Once
from voiceagent.web.tokens import AccessTokens, ServiceTokens

_ROUTERS = tuple(
    module.router
    for module in (
        keys,
        people,
        roles,
        me,
        sign_in,
        media_tickets,
        oidc,
        jwks,
        audit,
        events,
        health,
        limits,
        settings,
    )
)


def create_gateway(parts: GatewayParts) -> FastAPI:
    """The gateway's app. The store and the cache stay the caller's to close."""
    replicas = Replicas(parts.cache.leases, least=parts.least_gateways)
    limiter, tickets = Limiter(parts.cache, replicas=replicas.count), Tickets(parts.cache)
    quotas = Quotas(limiter, parts.quotas, OpenCalls(parts.cache.leases, replicas.count))
    store = joined(parts.store)
    access = AccessTokens(parts.access_keys)
    identities = Identities(parts.store, access)
    links = Links(parts.services, ServiceTokens(parts.service_keys), parts.link)
    gateway = Gateway(
        store=store,
        limiter=limiter,
        replicas=replicas,
        rates=parts.rates,
        links=links,
        identities=identities,
        sessions=Sessions(store, access),
        tickets=tickets,
        guesses=Guesses(limiter, parts.cache, parts.rates.account),
        devices=Devices(parts.access_keys),
        access_keys=parts.access_keys,
        quotas=quotas,
        hooks=parts.hooks,
        oidc=OidcClient(parts.oidc, parts.cache) if parts.oidc is not None else None,
        event_log=parts.event_log,
        settings=parts.settings,
    )
    app = create_app(
        "gateway",
        title="voiceagent",
        auth=GatewayAuthenticator(identities, tickets, quotas, limiter, parts.rates, parts.app.cors_origins),
        lifespan=_running,
        options=parts.app,
    )
    # inside the edge, which logs every refusal
    app.user_middleware.insert(1, Middleware(Entrance, hosts=parts.doors.hosts))
    if parts.doors.proxies:
        app.user_middleware.insert(1, Middleware(behind, proxies=parts.doors.proxies))
    app.state.gateway = gateway
    app.state.once = Once(store)
    app.state.denied = Denials(parts.store, gateway.clock).note
    app.state.ready = lambda: _ready(gateway)
    for router in _ROUTERS:
        app.include_router(router)
    add_proxied(app, links)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    gateway: Gateway = app.state.gateway
    await record_change(gateway.store, gateway.hooks, gateway.clock)
    async with gateway.links.open():
        await gateway.replicas.start()
        try:
            yield
        finally:
            await gateway.identities.close()
            await gateway.quotas.calls.close()
            await gateway.replicas.close()
            await gateway.limiter.close()
            gateway.passwords.close()


async def _ready(gateway: Gateway) -> dict[str, bool]:
    """A service that is asked whether it lives must have said so once: the first callers would come too early."""
    links = gateway.links
    services = {
        name: any(one.answers and (one.heard or not links.options.probes) for one in links.to(name).all)
        for name in links.services
    }
    return {"store": await gateway.store.ready()} | services
