"""How much more a dependency is asked while it is out: attempts against calls, at the services behind the gateway and at the model's server.

`python -m bench.security.outage [--seconds 60] [--per-s 20]`. The dependency takes connections and cuts them, or answers 503, for all of the time;
it counts what it is asked. Retries may be a tenth of the traffic (and ten at once after a quiet time).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.gateway.run import NO_LIMIT, NO_QUOTA
from bench.security.load import Call, Measured, steady
from bench.security.noisy import enrolled
from bench.security.stage import stage
from bench.security.victim import enrol, opened_store
from voiceagent.adapters.cache.memory import MemoryCache
from voiceagent.adapters.store.sql import open_store
from voiceagent.apps import keyring
from voiceagent.apps.settings import DataSettings, Settings
from voiceagent.gateway.link import LinkOptions
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.server import create_gateway
from voiceagent.kit.clock import SystemClock
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.serve import Listener, Servers

Way = Literal["cut", "503"]
WAYS: tuple[Way, ...] = ("cut", "503")
MOST = 1.2
_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Dependency:
    """A server that is out. asked: requests by path, health probes apart."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self.asked: Counter[str] = Counter()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Its URL while it runs."""
        server = await asyncio.start_server(self._one, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked[head.split(b" ", 2)[1].decode()] += 1
            if self._way == "503":
                writer.write(_REFUSAL)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.transport.close() if self._way == "503" else writer.transport.abort()

    def attempts(self, path: str) -> int:
        """Requests for that path."""
        return self.asked[path]


@dataclass(frozen=True)
class Line:
    """name; calls that were made; what the dependency was asked; how callers were answered."""

    name: str
    calls: int
    attempts: int
    answers: Counter[str]

    @property
    def ratio(self) -> float:
        return self.attempts / self.calls

    def __str__(self) -> str:
        return (
            f"{self.name:44} {self.calls:6} calls {self.attempts:6} attempts  x {self.ratio:.3f}  {dict(self.answers)}"
        )


async def services_out(way: Way, seconds: float, per_s: float) -> Line:
    """Reads through a gateway whose two engines are out: the only calls that it tries a second time."""
    first, second = Dependency(way), Dependency(way)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'store.db'}"
        key = (await enrolled(url))["ten_quiet"]
        store, keys = open_store(url), TokenKeys.random()
        async with first.open() as one, second.open() as two:
            parts = GatewayParts(
                store,
                MemoryCache(SystemClock()),
                {"engine": [one, two]},
                keys,
                TokenKeys.random(),
                rates=NO_LIMIT,
                link=LinkOptions(probes=False),
                quotas=NO_QUOTA,
            )
            gateway = Servers([Listener(create_gateway(parts), 0)])
            await gateway.start()
            call = Call(f"http://127.0.0.1:{gateway.ports[0]}/v1/models", {"Authorization": f"Bearer {key}"})
            found = await steady(call, per_s, seconds)
            await gateway.stop()
        await store.close()
    attempts = first.attempts("/v1/models") + second.attempts("/v1/models")
    return Line(f"gateway, both engines: {way}", _calls(found), attempts, found.others)


async def model_out(way: Way, seconds: float, per_s: float) -> Line:
    """Chat through a whole platform whose model's server is out."""
    model = Dependency(way)
    async with model.open() as url:
        with tempfile.TemporaryDirectory() as folder:
            told = url.replace("http://", "openai+http://") + "/v1?model=m"
            staged = stage(Path(folder), {"LLM__URL": told})
            on = await asyncio.to_thread(staged.__enter__)
            try:
                store = opened_store(on.store_url)
                member = await enrol(
                    store, "ten_good", keyring.access_keys(Settings(data=DataSettings(dir=on.data_dir)))
                )
                await store.close()
                chat = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}
                call = Call(f"{on.url}/v1/chat/completions", member.key, "POST", chat)
                found = await steady(call, per_s, seconds)
            finally:
                await asyncio.to_thread(staged.__exit__, None, None, None)
    return Line(
        f"engine, the model's server: {way}", _calls(found), model.attempts("/v1/chat/completions"), found.others
    )


def _calls(found: Measured) -> int:
    return len(found.took_ms) + found.others.total()


def main() -> int:
    """Print the figures; 0 when nothing is asked more than 1.2 times as often as it is called."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each outage")
    parser.add_argument("--per-s", type=float, default=20.0)
    chosen = parser.parse_args()
    lines = []
    for way in WAYS:
        for out in (services_out, model_out):
            lines.append(asyncio.run(out(way, chosen.seconds, chosen.per_s)))
            print(lines[-1], flush=True)
    return 0 if all(line.ratio <= MOST for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
