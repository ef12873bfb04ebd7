"""A gateway on loopback with a real store and cache, in front of a service that answers what tests need to see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from fastapi import Depends, FastAPI, Request, WebSocket
from starlette.responses import JSONResponse, Response, StreamingResponse

from voiceagent.adapters.cache.memory import MemoryCache
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.domain.identity import ROLES, ApiKey, Principal, Session, Tenant, User
from voiceagent.gateway.identity.callers import GatewayRates
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.gateway.identity.oidc import OidcOptions
from voiceagent.gateway.link import LinkOptions
from voiceagent.gateway.parts import GatewayParts, SettingsTold
from voiceagent.gateway.quotas import QuotaRates
from voiceagent.gateway.server import create_gateway
from voiceagent.gateway.shaping.hooks import Hooks
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Problem, Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.eventlog import EventLog
from voiceagent.web.app import AppOptions, Router, body_limit, create_app
from voiceagent.web.auth import require
from voiceagent.web.context import context_of
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.limits import Rate
from voiceagent.web.serve import Listener, Servers
from voiceagent.web.tokens import AccessTokens, ServiceAuthenticator, ServiceTokens

PLENTY = GatewayRates(*(Rate(name, 1e6, 10**6) for name in ("address", "caller", "failures", "sign_in")), account=())
_CLASSES = ("tenant", "generate", "search", "upload", "read", "write", "uploaded_kib", "call_s")
MUCH = QuotaRates(*(Rate(name, 1e6, 10**7) for name in _CLASSES))
ORIGINS = ("https://console.example",)
TALK = Depends(require("talk"))


class Ahead(SystemClock):
    """The time of day so many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._by = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._by


@dataclass
class Probe:
    """What the service saw, and knobs that tests turn."""

    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    socket_closed: asyncio.Event = field(default_factory=asyncio.Event)
    close_code: int | None = None
    sent_messages: int = 0
    refusal: Problem = field(default_factory=lambda: Unavailable("voice_full", "no room", retry_after_s=5.0))
    release: asyncio.Event = field(default_factory=asyncio.Event)


def made_service(name: str, keys: TokenKeys, probe: Probe) -> FastAPI:
    app = create_app(name, title=name, auth=ServiceAuthenticator(ServiceTokens(keys), name))
    router = Router()

    async def echo(request: Request) -> JSONResponse:
        caller = context_of(request).principal
        assert caller is not None
        body = await request.body()
        seen = {
            "headers": [[key.decode("latin-1"), value.decode("latin-1")] for key, value in request.scope["headers"]],
            "path": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "method": request.method,
            "body_bytes": len(body),
            "tenant": caller.tenant_id,
            "subject": caller.subject,
            "scopes": sorted(caller.scopes),
            "service": name,
        }
        return JSONResponse(seen, headers={"x-kept": "yes", "connection": "x-dropped", "x-dropped": "no"})

    echo.body_limit_bytes = 120_000_000  # type: ignore[attr-defined]

    @router.get("/v1/audio/stream", dependencies=[TALK])
    async def stream(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                yield b"first;"
                await probe.release.wait()
                yield b"second;"
            except asyncio.CancelledError:
                probe.cancelled.set()
                raise

        return StreamingResponse(pieces(), media_type="text/plain")

    @router.get("/v1/audio/flood", dependencies=[TALK])
    async def flood() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(4000):
                probe.sent_messages += 1
                yield b"x" * 65_536

        return StreamingResponse(pieces())

    @router.get("/v1/audio/broken", dependencies=[TALK])
    async def broken() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise ZeroDivisionError

        return StreamingResponse(pieces())

    @router.post("/v1/audio/slow", dependencies=[TALK])
    async def slow() -> Response:
        try:
            await probe.release.wait()
        except asyncio.CancelledError:
            probe.cancelled.set()
            raise
        return Response(b"late")

    @router.post("/v1/audio/sink", dependencies=[TALK])
    @body_limit(120_000_000)
    async def sink(request: Request) -> dict[str, int]:
        total = 0
        async for piece in request.stream():
            total += len(piece)
        return {"body_bytes": total}

    @router.websocket("/v1/realtime", dependencies=[TALK])
    async def realtime(websocket: WebSocket) -> None:
        await _realtime(websocket, probe)

    router.add_api_route(
        "/{rest:path}", echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], dependencies=[Depends(require())]
    )
    app.include_router(router)
    return app


async def _realtime(websocket: WebSocket, probe: Probe) -> None:
    names = websocket.scope["subprotocols"]
    if "refuse" in websocket.query_params:
        raise probe.refusal
    await websocket.accept(subprotocol="realtime" if "realtime" in names else None)
    await websocket.send_json({"protocols": names, "query": websocket.scope["query_string"].decode()})
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            probe.close_code = message["code"]
            probe.socket_closed.set()
            return
        text = message.get("text")
        if text == "close":
            await websocket.close(4444, "enough")
            return
        if text == "flood":
            try:
                for _ in range(4000):
                    await websocket.send_bytes(b"x" * 65_536)
                    probe.sent_messages += 1
            finally:
                probe.socket_closed.set()
        elif text is not None:
            await websocket.send_text(text)
        else:
            await websocket.send_bytes(message["bytes"])


@dataclass
class Rig:
    """A running gateway. `key(...)` makes credentials."""

    url: str
    port: int
    store: SqlStore
    app: FastAPI
    client: aiohttp.ClientSession
    probe: Probe
    services: Servers
    service_keys: TokenKeys
    access_keys: TokenKeys

    async def user(self, tenant_id: str, role: str, password_hash: str = "") -> User:
        now = datetime.now(UTC)
        user = User(new_id("usr"), tenant_id, f"{new_id('x')}@example.org", role, password_hash, now)
        async with self.store.begin(tenant_id) as work:
            await work.users.add(user)
        return user

    async def session(self, user: User) -> str:
        """The id of a session of this person."""
        now = datetime.now(UTC)
        session = Session(new_id("ses"), user.user_id, user.epoch, "password", now, now + timedelta(hours=1))
        async with self.store.begin(user.tenant_id) as work:
            await work.access.sessions.add(session)
        return session.session_id

    async def token(self, user: User, scopes: frozenset[str] | None = None) -> dict[str, str]:
        """The header of a signed-in person."""
        held = ROLES.get(user.role, frozenset()) if scopes is None else scopes
        caller = Principal(user.tenant_id, user.user_id, held, "user")
        token = AccessTokens(self.access_keys).issue(caller, await self.session(user))
        return {"Authorization": f"Bearer {token}"}

    async def key(
        self, tenant_id: str = "ten_a", role: str = "owner", *, user_id: str = "", expires_at: datetime | None = None
    ) -> tuple[ApiKey, dict[str, str]]:
        order = KeyOrder(tenant_id, user_id, "test", frozenset(ROLES[role]), expires_at)
        key, secret = new_key(order, datetime.now(UTC))
        async with self.store.begin(tenant_id) as work:
            await work.keys.add(key)
        return key, {"Authorization": f"Bearer {secret}"}


@asynccontextmanager
async def gateway_rig(
    rates: GatewayRates = PLENTY,
    link: LinkOptions | None = None,
    oidc: OidcOptions | None = None,
    quotas: QuotaRates = MUCH,
    event_log: Callable[[], Awaitable[EventLog]] | None = None,
    hooks: Hooks | None = None,
    *,
    settings: SettingsTold | None = None,
    estranged: bool = False,
) -> AsyncIterator[Rig]:
    """A gateway in front of one service of each name, all on loopback. estranged: the services refuse the gateway's tokens."""
    store, probe = open_store("sqlite://"), Probe()
    await store.migrate()
    service_keys, access_keys = TokenKeys.random(), TokenKeys.random()
    known = {tenant.tenant_id for tenant in await store.directory.tenants()}
    for tenant_id in {"ten_a", "ten_b"} - known:
        await store.directory.add_tenant(Tenant(tenant_id, tenant_id, datetime.now(UTC)))
    names = ("engine", "voice", "documents")
    known_keys = TokenKeys.random() if estranged else service_keys
    services = Servers([Listener(made_service(name, known_keys, probe), 0) for name in names], drain_s=1)
    await services.start()
    urls = {name: [f"http://127.0.0.1:{port}"] for name, port in zip(names, services.ports, strict=True)}
    link = link or LinkOptions(probes=False)
    parts = GatewayParts(
        store,
        MemoryCache(SystemClock()),
        urls,
        service_keys,
        access_keys,
        AppOptions(cors_origins=ORIGINS),
        rates,
        link,
        oidc,
        quotas,
        event_log=event_log,
        hooks=hooks or Hooks(),
        settings=settings or SettingsTold(),
    )
    app = create_gateway(parts)
    gateway = Servers([Listener(app, 0)], drain_s=1)
    await gateway.start()
    url = f"http://127.0.0.1:{gateway.ports[0]}"
    try:
        async with aiohttp.ClientSession(url) as client:
            yield Rig(url, gateway.ports[0], store, app, client, probe, services, service_keys, access_keys)
    finally:
        probe.release.set()
        await gateway.stop()
        await services.stop()
        await store.close()


async def problem_of(answer: aiohttp.ClientResponse) -> tuple[int, Any]:
    """Status and code of an error, in either of the two shapes."""
    body = await answer.json(content_type=None)
    return answer.status, body["error"]["code"] if "error" in body else body["code"]
