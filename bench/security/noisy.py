"""One organisation at twenty times its limit, another below its own, over three gateway processes on one Redis.

`python -m bench.security.noisy [--seconds 8] [--rounds 5]`. Prints what the quiet one notices (p95 alone and beside the noisy one, in turns), and
how many calls of the noisy one came through against what its limit says: rate x time + burst, the time from its first call to its last answer.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import structlog
import uvloop
from tests.support.servers import redis_server

from bench.gateway.run import NO_LIMIT, NO_QUOTA, service_app
from bench.gateway.wire import Client
from bench.security.load import Call, Measured, steady
from voiceagent.adapters.cache.redis import open_cache
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.identity import ROLES, Tenant
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.server import create_gateway
from voiceagent.kit.crypto import random_token
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.limits import Rate
from voiceagent.web.serve import Listener, Servers

GATEWAYS = 3
LIMIT = Rate("tenant", 20.0, 40)
OVER = 20
QUIET_PER_S = 12.0
REFILL_S = LIMIT.burst / LIMIT.per_s + 0.5


def until_told(pipe: Connection) -> None:
    """Wait for any message."""
    pipe.recv()


async def serve_engine(pipe: Connection, secret: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    servers = Servers([Listener(service_app("engine", TokenKeys.from_secrets(secret)), 0)])
    await servers.start()
    pipe.send(servers.ports[0])
    await asyncio.to_thread(until_told, pipe)
    await servers.stop()


async def serve_gateway(pipe: Connection, secret: str, store_url: str, cache_url: str, engine: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    store, cache, keys = open_store(store_url), open_cache(cache_url), TokenKeys.from_secrets(secret)
    services = {"engine": [f"http://127.0.0.1:{engine}"], "voice": [f"http://127.0.0.1:{engine}"]}
    quotas = replace(NO_QUOTA, tenant=LIMIT)
    parts = GatewayParts(store, cache, services, keys, TokenKeys.random(), rates=NO_LIMIT, quotas=quotas)
    servers = Servers([Listener(create_gateway(parts), 0)])
    await servers.start()
    pipe.send(servers.ports[0])
    await asyncio.to_thread(until_told, pipe)
    await servers.stop()
    await cache.close()
    await store.close()


def run_engine(pipe: Connection, secret: str) -> None:
    uvloop.run(serve_engine(pipe, secret))


def run_gateway(pipe: Connection, secret: str, store_url: str, cache_url: str, engine: int) -> None:
    uvloop.run(serve_gateway(pipe, secret, store_url, cache_url, engine))


async def enrolled(store_url: str) -> dict[str, str]:
    """A key of each organisation."""
    store, now, keys = open_store(store_url), datetime.now(UTC), {}
    await store.migrate()
    for tenant_id in ("ten_noisy", "ten_quiet"):
        await store.directory.add_tenant(Tenant(tenant_id, tenant_id, now))
        key, keys[tenant_id] = new_key(KeyOrder(tenant_id, "", "bench", frozenset(ROLES["owner"])), now)
        async with store.begin(tenant_id) as work:
            await work.keys.add(key)
    await store.close()
    return keys


async def over_all(urls: Sequence[str], key: str, per_s: float, seconds: float) -> Measured:
    """Calls shared evenly by the gateways."""
    found = Measured()
    headers = {"Authorization": f"Bearer {key}"}
    calls = [steady(Call(f"{url}/v1/models", headers), per_s / len(urls), seconds) for url in urls]
    for one in await asyncio.gather(*calls):
        found.add(one)
    return found


def noise(pipe: Connection, urls: Sequence[str], key: str, seconds: float) -> None:
    """The noisy one, in a process of its own: statuses by number, and how long it took.

    It speaks HTTP by hand: a client as comfortable as the quiet one's takes 40 % of a core at this rate, which in life is another machine's.
    """
    began_s = time.monotonic()
    pipe.send((uvloop.run(_hammered(urls, key, seconds)), time.monotonic() - began_s))


async def _hammered(urls: Sequence[str], key: str, seconds: float) -> Counter[int]:
    request = f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    clients = [Client(int(url.rpartition(":")[2]), request) for url in urls]
    await asyncio.gather(*(one.steady(OVER * LIMIT.per_s / len(clients), seconds, scattered=True) for one in clients))
    for one in clients:
        one.close()
    return sum((one.statuses for one in clients), Counter())


class Stand:
    """The processes under test."""

    def __init__(self) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._running: list[tuple[BaseProcess, Connection]] = []

    def start(self, target: object, *arguments: object) -> Connection:
        here, there = self._spawn.Pipe()
        process = self._spawn.Process(target=target, args=(there, *arguments))  # type: ignore[arg-type]
        process.start()
        self._running.append((process, here))
        return here

    def close(self) -> None:
        for process, pipe in self._running:
            if process.is_alive():
                pipe.send("stop")
        for process, _ in self._running:
            process.join(20)
            if process.is_alive():
                process.kill()


Noise = list[tuple[Counter[int], float]]


def measure(stand: Stand, folder: Path, cache_url: str, plan: tuple[float, int]) -> tuple[Measured, Measured, Noise]:
    """(the quiet one alone, beside the noisy one, what the noisy one got in each round and how long that took). plan: seconds a phase, rounds."""
    seconds, rounds = plan
    secret, store_url = random_token(48), f"sqlite:///{folder / 'store.db'}"
    keys = asyncio.run(enrolled(store_url))
    engine = stand.start(run_engine, secret).recv()
    pipes = [stand.start(run_gateway, secret, store_url, cache_url, engine) for _ in range(GATEWAYS)]
    urls = [f"http://127.0.0.1:{pipe.recv()}" for pipe in pipes]
    alone, beside, noisy = Measured(), Measured(), Noise()
    uvloop.run(over_all(urls, keys["ten_quiet"], QUIET_PER_S, 3))
    for _ in range(rounds):
        alone.add(uvloop.run(over_all(urls, keys["ten_quiet"], QUIET_PER_S, seconds)))
        pipe = stand.start(noise, urls, keys["ten_noisy"], seconds + 3)
        uvloop.run(asyncio.sleep(1.5))
        beside.add(uvloop.run(over_all(urls, keys["ten_quiet"], QUIET_PER_S, seconds)))
        noisy.append(pipe.recv())
        uvloop.run(asyncio.sleep(REFILL_S))
    return alone, beside, noisy


def main() -> int:
    """Print the figures; 0 when p95 moves by less than a fifth, nothing of the quiet one fails, and the limit is true to 1 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each phase")
    parser.add_argument("--rounds", type=int, default=5, help="of two phases")
    chosen = parser.parse_args()
    stand = Stand()
    with tempfile.TemporaryDirectory() as folder, redis_server() as (cache_url, _):
        try:
            alone, beside, noisy = measure(stand, Path(folder), cache_url, (chosen.seconds, chosen.rounds))
        finally:
            stand.close()
    moved = beside.quantile(0.95) / alone.quantile(0.95) - 1
    print(f"{GATEWAYS} gateways, limit {LIMIT.per_s:g}/s and {LIMIT.burst} at once; {OVER * LIMIT.per_s:g}/s tried")
    print(alone.line("quiet one alone"))
    print(beside.line("beside the noisy one"))
    print(f"p95 moves by {moved:+.1%}; errors of the quiet one: {alone.others.total() + beside.others.total()}")
    wrong = []
    for one, took_s in noisy:
        allowed = LIMIT.per_s * took_s + LIMIT.burst
        wrong.append(one[200] / allowed - 1)
        print(
            f"noisy one: {one[200]} of {allowed:.0f} allowed calls came through ({wrong[-1]:+.2%}), answers {dict(one)}"
        )
    good = moved < 0.2 and not beside.others and all(abs(share) <= 0.01 for share in wrong)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
