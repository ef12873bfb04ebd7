"""What the gateway costs: small JSON calls at a steady rate and WebSocket round trips, direct and through it, in one run.

`python bench/gateway/run.py [--rate 500] [--seconds 10]`. Servers run in a process of their own, gateway and service in one event loop
(the embedded profile), with rate limits counted but out of the way. The client measures from another process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import statistics
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import psutil
import structlog
import uvloop
from fastapi import Depends, FastAPI, WebSocket

from voiceagent.adapters.cache.memory import MemoryCache
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.identity import ROLES, Principal, Tenant
from voiceagent.gateway.identity.callers import GatewayRates
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.gateway.link import LinkOptions
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.quotas import QuotaRates
from voiceagent.gateway.server import create_gateway
from voiceagent.kit.clock import SystemClock
from voiceagent.web.app import Router, create_app
from voiceagent.web.auth import require
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.limits import Rate
from voiceagent.web.serve import Listener, Servers
from voiceagent.web.tokens import SERVICE_HEADER, ServiceAuthenticator, ServiceTokens

TENANT = "ten_bench"
NO_LIMIT = GatewayRates(*(Rate(name, 1e6, 10**6) for name in ("address", "caller", "failures", "sign_in")))
_CLASSES = ("tenant", "generate", "search", "upload", "read", "write", "uploaded_kib", "call_s")
NO_QUOTA = QuotaRates(*(Rate(name, 1e6, 10**6) for name in _CLASSES))
FRAME = json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 1280})
SOCKETS = 10
ROUND_TRIPS = 1000
TALK = Depends(require("talk"))


def service_app(name: str, keys: TokenKeys) -> FastAPI:
    app = create_app(name, title=name, auth=ServiceAuthenticator(ServiceTokens(keys), name))
    router = Router()

    @router.get("/v1/models", dependencies=[TALK])
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": "chat", "object": "model", "created": 0, "owned_by": "us"}]}

    @router.websocket("/v1/realtime", dependencies=[TALK])
    async def realtime(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    app.include_router(router)
    return app


async def gateway_parts(urls: dict[str, list[str]]) -> tuple[GatewayParts, str]:
    """A gateway's parts in front of services at `urls`, on an empty store, and a key of an owner."""
    store, keys = open_store("sqlite://"), TokenKeys.random()
    await store.migrate()
    await store.directory.add_tenant(Tenant(TENANT, "bench", datetime.now(UTC)))
    key, secret = new_key(KeyOrder(TENANT, "", "bench", frozenset(ROLES["owner"])), datetime.now(UTC))
    async with store.begin(TENANT) as work:
        await work.keys.add(key)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    parts = GatewayParts(
        store,
        MemoryCache(SystemClock()),
        urls,
        keys,
        TokenKeys.random(),
        rates=NO_LIMIT,
        link=LinkOptions(probes=False),
        quotas=NO_QUOTA,
    )
    return parts, secret


async def serve(pipe: Connection) -> None:
    urls: dict[str, list[str]] = {}
    parts, secret = await gateway_parts(urls)
    services = Servers([Listener(service_app(name, parts.service_keys), 0) for name in ("engine", "voice")])
    await services.start()
    urls |= {name: [f"http://127.0.0.1:{port}"] for name, port in zip(("engine", "voice"), services.ports, strict=True)}
    gateway = Servers([Listener(create_gateway(parts), 0)])
    await gateway.start()
    caller = Principal(TENANT, "bench", frozenset({"talk"}))
    tokens = {name: ServiceTokens(parts.service_keys).issue(caller, name) for name in urls}
    pipe.send({"gateway": f"http://127.0.0.1:{gateway.ports[0]}", "urls": urls, "secret": secret, "tokens": tokens})
    while not pipe.poll():
        await asyncio.sleep(0.2)
    await gateway.stop()
    await services.stop()
    await parts.store.close()


def serve_process(pipe: Connection) -> None:
    uvloop.run(serve(pipe))


async def steady(url: str, headers: dict[str, str], rate: int, seconds: float) -> list[float]:
    """Milliseconds of each call, from when it was due to the end of its answer: a late start counts."""
    took_ms: list[float] = []

    async def one(client: aiohttp.ClientSession, due_s: float) -> None:
        async with client.get(url, headers=headers) as answer:
            await answer.read()
            answer.raise_for_status()
        took_ms.append((time.perf_counter() - due_s) * 1000)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client, asyncio.TaskGroup() as calls:
        started_s = time.perf_counter()
        for number in range(int(rate * seconds)):
            due_s = started_s + number / rate
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            calls.create_task(one(client, due_s))
    return took_ms


async def round_trips(url: str, headers: dict[str, str]) -> list[float]:
    """Milliseconds of each echo over several sockets, 20 ms of audio a message, each socket sending when its last echo came."""
    took_ms: list[float] = []

    async def one(client: aiohttp.ClientSession) -> None:
        async with client.ws_connect(url, headers=headers) as socket:
            for _ in range(ROUND_TRIPS // SOCKETS):
                sent_s = time.perf_counter()
                await socket.send_str(FRAME)
                await socket.receive_str()
                took_ms.append((time.perf_counter() - sent_s) * 1000)
                await asyncio.sleep(0.02)

    async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as sockets:
        for _ in range(SOCKETS):
            sockets.create_task(one(client))
    return took_ms


def show(name: str, took_ms: list[float], cpu_ms: float) -> None:
    ordered = sorted(took_ms)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    print(f"{name:34} n={len(ordered):6}  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  server CPU {cpu_ms:6.3f} ms each")


async def measure(told: dict[str, Any], server: psutil.Process, rate: int, seconds: float) -> None:
    key = {"Authorization": f"Bearer {told['secret']}"}
    ways = {
        "JSON direct": (told["urls"]["engine"][0] + "/v1/models", {SERVICE_HEADER: told["tokens"]["engine"]}),
        "JSON through the gateway": (told["gateway"] + "/v1/models", key),
        "WebSocket direct": (told["urls"]["voice"][0] + "/v1/realtime", {SERVICE_HEADER: told["tokens"]["voice"]}),
        "WebSocket through the gateway": (told["gateway"] + "/v1/realtime", key),
    }
    print(f"{rate} calls/s for {seconds:g} s; {SOCKETS} sockets, {len(FRAME)} bytes a message")
    for name, (url, headers) in ways.items():
        await (steady(url, headers, 50, 1.0) if name.startswith("JSON") else round_trips(url, headers))  # warm
        before_s = sum(server.cpu_times()[:2])
        took_ms = await (steady(url, headers, rate, seconds) if name.startswith("JSON") else round_trips(url, headers))
        show(name, took_ms, (sum(server.cpu_times()[:2]) - before_s) * 1000 / len(took_ms))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=int, default=500)
    options.add_argument("--seconds", type=float, default=10.0)
    chosen = options.parse_args()
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve_process, args=(there,))
    process.start()
    try:
        uvloop.run(measure(here.recv(), psutil.Process(process.pid), chosen.rate, chosen.seconds))
    finally:
        here.send("stop")
        process.join(15)


if __name__ == "__main__":
    main()
