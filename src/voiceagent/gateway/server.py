"""The gateway on :8080: the only public door. Puts its parts together; what it does stands in the files beside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from voiceagent.gateway import routes_health
from voiceagent.gateway.identity.callers import GatewayAuthenticator, Identities
from voiceagent.gateway.identity.passwords import Passwords
from voiceagent.gateway.identity.routes import keys, people
from voiceagent.gateway.link import Links
from voiceagent.gateway.parts import Gateway, GatewayParts
from voiceagent.gateway.routes_proxied import add_proxied
from voiceagent.web.app import create_app
from voiceagent.web.limits import Limiter
from voiceagent.web.tokens import AccessTokens, ServiceTokens


def create_gateway(parts: GatewayParts) -> FastAPI:
    """The gateway's app. The store and the cache stay the caller's to close."""
    limiter = Limiter(parts.cache)
    access = AccessTokens(parts.access_keys)
    identities = Identities(parts.store, access)
    links = Links(parts.services, ServiceTokens(parts.service_keys), parts.link)
    gateway = Gateway(parts.store, identities, access, Passwords(), limiter, parts.rates, links)
    app = create_app(
        "gateway",
        title="voiceagent",
        auth=GatewayAuthenticator(identities, limiter, parts.rates, parts.app.cors_origins),
        lifespan=_running,
        options=parts.app,
    )
    app.state.gateway = gateway
    app.state.ready = lambda: _ready(gateway)
    for router in (keys.router, people.router, routes_health.router):
        app.include_router(router)
    add_proxied(app, links)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    gateway: Gateway = app.state.gateway
    async with gateway.links.open():
        try:
            yield
        finally:
            await gateway.identities.close()
            gateway.passwords.close()


async def _ready(gateway: Gateway) -> dict[str, bool]:
    services = {
        name: any(upstream.answers for upstream in gateway.links.to(name).all) for name in gateway.links.services
    }
    return {"store": await gateway.store.ready()} | services
