"""Limits while Redis is slow, frozen or gone: three processes with one limit, ten times as many tries, each counted.

`python -m bench.security.starved [--seconds 6]`. For each fault: healthy, then the fault, then healthy again. Prints what came through in each part
and in all against rate x time + burst, and how long decisions took. Ends with 1 when more than 1 % too much came through where Redis answers
in its time, or more than the bound below otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from tests.support.ports import free_ports
from tests.support.servers import redis_server

from bench.faults.relay import Relay
from voiceagent.adapters.cache.redis import open_cache
from voiceagent.gateway.replicas import Replicas
from voiceagent.web.limits import Limiter, Rate

PROCESSES = 3
LIMIT = Rate("tenant", 100.0, 100)
OVER = 10
SLOW_S = {"50 ms": 0.05, "100 ms": 0.1, "300 ms": 0.3, "2 s": 2.0}
IN_TIME = ("none", "50 ms")
FAULTS = ("none", *SLOW_S, "frozen", "dead", "flapping")
OWNER = "noisy"


@dataclass
class Counted:
    """passed_s: when (monotonic) something was let through.  took_ms: of each decision."""

    passed_s: list[float] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)

    def between(self, from_s: float, to_s: float) -> int:
        """How many came through then."""
        return sum(from_s <= one < to_s for one in self.passed_s)


@asynccontextmanager
async def limiter_on(url: str) -> AsyncIterator[Limiter]:
    """One gateway's limiter."""
    async with AsyncExitStack() as stack:
        cache = open_cache(url)
        stack.push_async_callback(cache.close)
        replicas = Replicas(cache.leases)
        await replicas.start()
        stack.push_async_callback(replicas.close)
        limiter = Limiter(cache, replicas=replicas.count)
        stack.push_async_callback(limiter.close)
        await asyncio.sleep(0.5)
        await replicas.say()  # all are there by now
        yield limiter


async def flood(limiter: Limiter, per_s: float, until: Callable[[], bool]) -> Counted:
    """Tries at a steady rate, whether or not those before were decided."""
    counted, started_s, number = Counted(), time.monotonic(), 0

    async def one() -> None:
        began_s = time.monotonic()
        wait_s = await limiter.wait_s(OWNER, LIMIT)
        ended_s = time.monotonic()
        counted.took_ms.append((ended_s - began_s) * 1000)
        if wait_s == 0.0:
            counted.passed_s.append(ended_s)

    async with asyncio.TaskGroup() as tries:
        while not until():
            due = int((time.monotonic() - started_s) * per_s)
            for _ in range(min(due - number, 200)):
                tries.create_task(one())
            number = due
            await asyncio.sleep(0.005)
    return counted


async def _process(pipe: Connection, url: str) -> None:
    async with limiter_on(url) as limiter:
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        pipe.send(await flood(limiter, OVER * LIMIT.per_s / PROCESSES, pipe.poll))


def run_process(pipe: Connection, url: str) -> None:
    asyncio.run(_process(pipe, url))


async def suffer(fault: str, relay: Relay, pid: int, seconds: float) -> None:
    """The fault for so long."""
    if fault == "frozen":
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        return
    named = {"none": "", "dead": "refuse", "flapping": "flap"}.get(fault, "latency")
    relay.latency_s = SLOW_S.get(fault, 0.0)
    if named:
        await relay.fail(named)
    await asyncio.sleep(seconds)
    await relay.heal()


@dataclass(frozen=True)
class Parts:
    """When each part of a run began, and the end."""

    began_s: float
    fault_s: float
    healed_s: float
    ended_s: float


async def _one_fault(fault: str, redis: str, pid: int, seconds: float) -> tuple[Parts, list[Counted]]:
    (port,) = free_ports(1)
    relay = Relay(urlsplit(redis).port or 0, port)
    await relay.open()
    pipes, processes = _started(f"redis://127.0.0.1:{port}/0")
    await _of_each(pipes)
    began_s = time.monotonic()
    for pipe in pipes:
        pipe.send("go")
    await asyncio.sleep(seconds)
    fault_s = time.monotonic()
    await suffer(fault, relay, pid, seconds)
    healed_s = time.monotonic()
    await asyncio.sleep(seconds + 2)
    ended_s = time.monotonic()
    for pipe in pipes:
        pipe.send("enough")
    counted = await _of_each(pipes)
    for process in processes:
        await asyncio.to_thread(process.join, 10)
    await relay.close()
    return Parts(began_s, fault_s, healed_s, ended_s), counted


def _started(url: str) -> tuple[list[Connection], list[multiprocessing.process.BaseProcess]]:
    spawn, pipes, processes = multiprocessing.get_context("spawn"), [], []
    for _ in range(PROCESSES):
        here, there = spawn.Pipe()
        process = spawn.Process(target=run_process, args=(there, url), daemon=True)
        process.start()
        pipes.append(here)
        processes.append(process)
    return pipes, list(processes)


async def _of_each(pipes: Sequence[Connection]) -> list[Counted]:
    waits: list[Awaitable[Counted]] = [asyncio.to_thread(pipe.recv) for pipe in pipes]
    return list(await asyncio.gather(*waits))


def report(fault: str, parts: Parts, counted: list[Counted]) -> bool:
    """Print the figures of one fault; whether the promise held."""
    all_of_them = Counted(
        [at_s for one in counted for at_s in one.passed_s], [ms for one in counted for ms in one.took_ms]
    )
    edges = (parts.began_s, parts.fault_s, parts.healed_s, parts.ended_s)
    rates = [all_of_them.between(a, b) / (b - a) for a, b in itertools.pairwise(edges)]
    rates[0] -= LIMIT.burst / (edges[1] - edges[0])
    allowed = LIMIT.per_s * (edges[3] - edges[0]) + LIMIT.burst
    passed = all_of_them.between(edges[0], edges[3])
    error = passed / allowed - 1
    most = 0.01 if fault in IN_TIME else LIMIT.burst / allowed
    ordered = sorted(all_of_them.took_ms)
    p99 = ordered[int(len(ordered) * 0.99)]
    print(
        f"{fault:9} per second before/during/after {rates[0]:6.1f} {rates[1]:6.1f} {rates[2]:6.1f}  "
        f"in all {passed} of {allowed:.0f} ({error:+.2%}, at most {most:+.1%})  "
        f"decision p50 {ordered[len(ordered) // 2]:.2f} p99 {p99:.1f} most {ordered[-1]:.0f} ms of {len(ordered)}",
        flush=True,
    )
    return error <= most


def main() -> int:
    """Print the figures; 0 when every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each part")
    parser.add_argument("--faults", default=",".join(FAULTS))
    chosen = parser.parse_args()
    print(f"{PROCESSES} processes, limit {LIMIT.per_s:g}/s and {LIMIT.burst} at once, {OVER * LIMIT.per_s:g}/s tried")
    held = []
    with redis_server() as (url, process):
        for fault in chosen.faults.split(","):
            held.append(report(fault, *asyncio.run(_one_fault(fault, url, process.pid, chosen.seconds))))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
