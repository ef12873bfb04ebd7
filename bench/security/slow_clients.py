"""A thousand slow connections (heads, bodies, readers) against the gateway of a whole platform, and what good clients notice of them.

`python -m bench.security.slow_clients [--connections 1000] [--seconds 30]`. The slow ones come back whenever they are cut. Quiet and attacked
phases take turns in one run; good clients call from another process, at a steady rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from bench.security.load import Call, Measured, steady
from bench.security.stage import Stage, stage
from bench.security.victim import enrol, opened_store
from voiceagent.apps import keyring
from voiceagent.apps.settings import DataSettings, Settings

ATTACKER_HOST = "127.0.0.2"
DRIP_S = 2.0
RAMP_PER_S = 200
PER_S = 40.0
ROUNDS = 2
KINDS = ("heads", "bodies", "readers")
_SPEECH = json.dumps({"model": "tts", "voice": "", "input": "A long sentence that takes a while to say. " * 60})
Writers = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Slow:
    """Connections of the attacker: how many are open by kind, how often one was cut and came back."""

    url: str
    key: str
    open: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)

    async def hold(self, kind: str, drip: Callable[[Writers], Awaitable[None]]) -> None:
        """One connection, for ever: reconnects when it is closed."""
        parts = urlsplit(self.url)
        while True:
            try:
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.setblocking(False)
                sock.bind((ATTACKER_HOST, 0))
                await asyncio.get_running_loop().sock_connect(sock, (parts.hostname, parts.port))
                pair = await asyncio.open_connection(sock=sock, limit=1024)
            except OSError:
                await asyncio.sleep(1)
                continue
            self.open[kind] += 1
            try:
                await drip(pair)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                self.open[kind] -= 1
                pair[1].transport.abort()
            self.cut[kind] += 1
            await asyncio.sleep(0.5)

    async def head(self, pair: Writers) -> None:
        """A header line every 2 s, never the last one."""
        reader, writer = pair
        writer.write(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n")
        while not reader.at_eof():
            writer.write(b"X-Slow: 1\r\n")
            await writer.drain()
            await asyncio.sleep(DRIP_S)

    async def body(self, pair: Writers) -> None:
        """A body of 1 MB that comes a byte at a time."""
        reader, writer = pair
        writer.write(self._post("/api/v1/search", 1_000_000))
        while not reader.at_eof():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(DRIP_S)

    async def reader(self, pair: Writers) -> None:
        """An answer of more than any buffer holds, read 16 bytes every 2 s."""
        reader, writer = pair
        writer.write(self._post("/v1/audio/speech", len(_SPEECH)) + _SPEECH.encode())
        await writer.drain()
        while await reader.read(16):
            await asyncio.sleep(DRIP_S)

    def _post(self, path: str, length: int) -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


async def attack(url: str, key: str, plan: tuple[int, tuple[str, ...]], pipe: Connection) -> None:
    """Open them all, say so, hold them until told to stop, tell what became of them."""
    slow, (connections, names) = Slow(url, key), plan
    ways = {"heads": slow.head, "bodies": slow.body, "readers": slow.reader}
    kinds = [(name, ways[name]) for name in names]
    tasks = []
    for number in range(connections):
        name, drip = kinds[number % len(kinds)]
        tasks.append(asyncio.create_task(slow.hold(name, drip)))
        if number % 20 == 19:
            await asyncio.sleep(20 / RAMP_PER_S)
    await asyncio.sleep(1)
    pipe.send(dict(slow.open))
    samples: list[int] = []
    while not pipe.poll():
        samples.append(slow.open.total())
        await asyncio.sleep(0.25)
    pipe.recv()
    pipe.send((dict(slow.open), dict(slow.cut), sum(samples) / len(samples)))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def attack_process(url: str, key: str, plan: tuple[int, tuple[str, ...]], pipe: Connection) -> None:
    """The attacker has a process of its own, so that it does not slow the good clients' clock."""
    asyncio.run(attack(url, key, plan, pipe))


async def callers(on: Stage) -> tuple[dict[str, str], dict[str, str]]:
    """Headers of a good and of a bad organisation."""
    store = opened_store(on.store_url)
    keys = keyring.access_keys(Settings(data=DataSettings(dir=on.data_dir)))
    good, bad = await enrol(store, "ten_good", keys), await enrol(store, "ten_bad", keys)
    await store.close()
    return good.key, bad.key


def under_attack(
    on: Stage, bad: dict[str, str], call: Call, plan: tuple[int, tuple[str, ...]], seconds: float
) -> Measured:
    """Good calls while the attacker holds its connections."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=attack_process, args=(on.url, bad["Authorization"], plan, there))
    process.start()
    try:
        print("open when all are there:", here.recv())
        measured = asyncio.run(steady(call, PER_S, seconds))
        here.send("stop")
        still, cut, mean = here.recv()
        print(f"open at the end: {still}; on average {mean:.0f}; cut by the gateway and back again: {cut}")
    finally:
        process.join(20)
        if process.is_alive():
            process.kill()
    return measured


def main() -> int:
    """Print both; 0 when good clients lose nothing and wait less than twice as long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each phase")
    parser.add_argument("--kinds", default=",".join(KINDS), help="of slow connections, comma-separated")
    chosen = parser.parse_args()
    plan = chosen.connections, tuple(chosen.kinds.split(","))
    quiet, attacked = Measured(), Measured()
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as on:
        good, bad = asyncio.run(callers(on))
        call = Call(f"{on.url}/v1/models", good)
        asyncio.run(steady(call, PER_S, 3))
        for _ in range(ROUNDS):
            quiet.add(asyncio.run(steady(call, PER_S, chosen.seconds)))
            attacked.add(under_attack(on, bad, call, plan, chosen.seconds))
    ratio = attacked.quantile(0.95) / quiet.quantile(0.95)
    print(quiet.line("good clients alone"))
    print(attacked.line(f"beside {chosen.connections} slow connections"))
    print(f"p95 x {ratio:.2f}; errors of good clients: {attacked.others.total()}")
    return 0 if ratio < 2 and not attacked.others else 1


if __name__ == "__main__":
    sys.exit(main())
