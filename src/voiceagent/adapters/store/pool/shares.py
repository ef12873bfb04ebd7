"""Shares of a pool of connections: one organisation's slow queries must not keep the others waiting. Knows no database."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import Unavailable

SHARE = 0.3
"""Of the pool, that one organisation may hold while others are there."""
ALONE_S = 60.0
"""Who was not there for so long is not counted: an installation of one organisation uses its whole pool."""


class Shares:
    """wait_s: how long an organisation waits for one of its own to end before it is refused."""

    def __init__(self, pool_size: int, wait_s: float, clock: Clock | None = None) -> None:
        self._pool_size = pool_size
        self._most = max(1, int(pool_size * SHARE))
        self._wait_s = wait_s
        self._clock = clock or SystemClock()
        self._held: Counter[str] = Counter()
        self._seen_s: dict[str, float] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def taken(self, tenant_id: str) -> AsyncIterator[None]:
        """One connection's worth for the organisation. Raises Unavailable `store_unavailable`."""
        self._note(tenant_id)
        try:
            async with asyncio.timeout(self._wait_s):
                while self._held[tenant_id] >= self._allowed():
                    await self._turn(tenant_id)
        except TimeoutError as failure:
            message = "too many queries of this organisation run at the same time"
            raise Unavailable("store_unavailable", message, retry_after_s=1.0) from failure
        self._held[tenant_id] += 1
        try:
            yield
        finally:
            self._held[tenant_id] -= 1
            if not self._held[tenant_id]:
                del self._held[tenant_id]
            self._wake(tenant_id)

    def _note(self, tenant_id: str) -> None:
        now_s = self._clock.monotonic_s()
        self._seen_s.pop(tenant_id, None)
        self._seen_s[tenant_id] = now_s  # the newest stands last
        while next(iter(self._seen_s.values())) < now_s - ALONE_S:
            del self._seen_s[next(iter(self._seen_s))]

    def _allowed(self) -> int:
        return self._pool_size if len(self._seen_s) == 1 else self._most

    async def _turn(self, tenant_id: str) -> None:
        """Until one of the organisation's own has ended."""
        line = self._waiting.setdefault(tenant_id, deque())
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            await mine
        finally:
            if mine in line:
                line.remove(mine)
            if not line:
                self._waiting.pop(tenant_id, None)

    def _wake(self, tenant_id: str) -> None:
        line = self._waiting.get(tenant_id)
        while line:
            first = line.popleft()
            if not first.done():
                first.set_result(None)
                return
