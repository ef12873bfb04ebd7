"""Good clients: calls at a steady rate, measured from when each was due; and how two measurements compare."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp


@dataclass
class Measured:
    """took_ms: of calls that were answered 200.  others: what came instead, by status or error."""

    took_ms: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def add(self, more: Measured) -> None:
        """Count another measurement in."""
        self.took_ms += more.took_ms
        self.others += more.others

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the calls was answered."""
        ordered = sorted(self.took_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    def line(self, name: str) -> str:
        """One line for eyes."""
        errors = f"  others {dict(self.others)}" if self.others else "  others none"
        return (
            f"{name:34} n={len(self.took_ms):6}  p50 {statistics.median(self.took_ms):7.2f} ms  "
            f"p95 {self.quantile(0.95):7.2f} ms  p99 {self.quantile(0.99):7.2f} ms{errors}"
        )


@dataclass(frozen=True)
class Call:
    """One request of a good client. local_host: the address that it comes from."""

    url: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: Any = None
    local_host: str = "127.0.0.1"


async def steady(call: Call, per_s: float, seconds: float) -> Measured:
    """Calls whether or not those before were answered: a late start counts as waiting. Each comes at a random moment of its turn.

    Callers know nothing of each other: were they to call in step, each would always wait for all others of the same moment.
    """
    found = Measured()

    async def one(client: aiohttp.ClientSession, due_s: float) -> None:
        try:
            async with client.request(call.method, call.url, headers=call.headers, json=call.body) as answer:
                await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            found.others[type(error).__name__] += 1
            return
        if answer.status == 200:
            found.took_ms.append((time.perf_counter() - due_s) * 1000)
        else:
            found.others[str(answer.status)] += 1

    connector = aiohttp.TCPConnector(limit=0, local_addr=(call.local_host, 0))
    within = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=within) as client, asyncio.TaskGroup() as calls:
        started_s = time.perf_counter()
        for number in range(int(per_s * seconds)):
            due_s = started_s + (number + random.random()) / per_s
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            calls.create_task(one(client, due_s))
    return found
