"""How long a revoked key still works: open sockets and calls at each of three gateway processes on one store and one Redis.

`python -m bench.security.revoked [--keys 100]`. Every key has a socket open at each gateway; it is revoked at one of them. Counted from the moment in
which its removal is asked for to the close of each socket, and to the first refusal of each gateway, asked every 0.1 s.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import structlog
import uvloop
from tests.support.servers import redis_server

from bench.gateway.run import service_app
from bench.security.noisy import GATEWAYS, Stand, enrolled, run_gateway, until_told
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.identity import ROLES
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.kit.crypto import random_token
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.serve import Listener, Servers

TENANT = "ten_quiet"
WITHIN_S = 5.0
WAVE = 8
"""Keys at a time: their sockets and calls stay below the organisation's limit."""
ASKED_EVERY_S = 0.1


async def serve_voice(pipe: Connection, secret: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    servers = Servers([Listener(service_app("voice", TokenKeys.from_secrets(secret)), 0)])
    await servers.start()
    pipe.send(servers.ports[0])
    await asyncio.to_thread(until_told, pipe)
    await servers.stop()


def run_voice(pipe: Connection, secret: str) -> None:
    uvloop.run(serve_voice(pipe, secret))


async def made_keys(store_url: str, count: int) -> list[tuple[str, str]]:
    """(id, secret) of each."""
    store, now, found = open_store(store_url), datetime.now(UTC), []
    async with store.begin(TENANT) as work:
        for number in range(count):
            key, secret = new_key(KeyOrder(TENANT, "", f"key {number}", frozenset(ROLES["viewer"] | {"talk"})), now)
            await work.keys.add(key)
            found.append((key.key_id, secret))
    await store.close()
    return found


class Trial:
    """One key after the other, several at a time."""

    def __init__(self, client: aiohttp.ClientSession, urls: Sequence[str], owner: str) -> None:
        self._client = client
        self._urls = urls
        self._owner = {"Authorization": f"Bearer {owner}"}
        self.sockets_s: list[float] = []
        self.calls_s: list[float] = []
        self.codes: Counter[int | None] = Counter()

    async def run(self, key: tuple[str, str], number: int) -> None:
        key_id, secret = key
        held = {"Authorization": f"Bearer {secret}"}
        sockets = [await self._client.ws_connect(f"{url}/v1/realtime?model=m", headers=held) for url in self._urls]
        at, began_s = self._urls[number % len(self._urls)], time.monotonic()
        async with self._client.delete(f"{at}/api/v1/keys/{key_id}", headers=self._owner) as answer:
            assert answer.status == 204, await answer.text()
        await asyncio.gather(
            *(self._closed(socket, began_s) for socket in sockets),
            *(self._refused(url, held, began_s) for url in self._urls),
        )

    async def _closed(self, socket: aiohttp.ClientWebSocketResponse, began_s: float) -> None:
        async with asyncio.timeout(60):
            async for _ in socket:
                pass  # its last words
        self.sockets_s.append(time.monotonic() - began_s)
        self.codes[socket.close_code] += 1

    async def _refused(self, url: str, held: dict[str, str], began_s: float) -> None:
        async with asyncio.timeout(60):
            while True:
                async with self._client.get(f"{url}/api/v1/me", headers=held) as answer:
                    if answer.status == 401:
                        break
                await asyncio.sleep(ASKED_EVERY_S)
        self.calls_s.append(time.monotonic() - began_s)


async def revoked(urls: Sequence[str], owner: str, keys: Sequence[tuple[str, str]]) -> Trial:
    """All of them, in waves."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        trial = Trial(client, urls, owner)
        for first in range(0, len(keys), WAVE):
            wave = keys[first : first + WAVE]
            await asyncio.gather(*(trial.run(key, first + number) for number, key in enumerate(wave)))
            await asyncio.sleep(2.5)  # the organisation's limit
    return trial


def line(name: str, took_s: list[float]) -> str:
    ordered = sorted(took_s)
    p50, p95 = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95))
    return f"{name:16} n={len(ordered):4}  p50 {p50:5.2f} s  p95 {p95:5.2f} s  longest {ordered[-1]:5.2f} s"


def main() -> int:
    """Print the times; 0 when the longest is within 5 s."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=100)
    chosen = parser.parse_args()
    stand, secret = Stand(), random_token(48)
    with tempfile.TemporaryDirectory() as folder, redis_server() as (cache_url, _):
        try:
            store_url = f"sqlite:///{Path(folder) / 'store.db'}"
            owner = asyncio.run(enrolled(store_url))[TENANT]
            keys = asyncio.run(made_keys(store_url, chosen.keys))
            voice = stand.start(run_voice, secret).recv()
            pipes = [stand.start(run_gateway, secret, store_url, cache_url, voice) for _ in range(GATEWAYS)]
            trial = asyncio.run(revoked([f"http://127.0.0.1:{pipe.recv()}" for pipe in pipes], owner, keys))
        finally:
            stand.close()
    print(f"{chosen.keys} keys, a socket of each at each of {GATEWAYS} gateways; close codes {dict(trial.codes)}")
    print(line("sockets closed", trial.sockets_s))
    print(line("calls refused", trial.calls_s))
    return 0 if max(*trial.sockets_s, *trial.calls_s) <= WITHIN_S else 1


if __name__ == "__main__":
    sys.exit(main())
