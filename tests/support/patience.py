"""For tests of what a server answers, on machines that do much else: the product's bounds on how soon it must, where no test meets them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

ANSWER_S = 60.0
"""A bound against standing still, not a measure: what is waited for is a condition."""
TICK_S = 0.005

_BOUNDS = (
    "voiceagent.adapters.blobs.s3.CONNECT_S",
    "voiceagent.adapters.blobs.s3.ANSWER_S",
    "voiceagent.adapters.bus.redis.CONNECT_S",
    "voiceagent.adapters.bus.redis_log.CALL_S",
    "voiceagent.adapters.discovery.redis.ANSWER_S",
    "voiceagent.adapters.discovery.redis._SOCKET_S",
    "voiceagent.adapters.llm.llamacpp._COUNT_S",
    "voiceagent.adapters.llm.llamacpp._WARM_S",
    "voiceagent.adapters.store.postgresql.COMMAND_S",
    "voiceagent.adapters.store.postgresql.CONNECT_S",
    "voiceagent.adapters.store.postgresql.POOL_WAIT_S",
    "voiceagent.adapters.store.sql.READY_S",
    "voiceagent.adapters.store.sqlite.WAIT_S",
    "voiceagent.adapters.vectors.weaviate._ANSWER_S",
    "voiceagent.adapters.vectors.weaviate._READY_S",
)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapters that are opened from now on wait for their servers as long as a test may. How long they may wait has tests of its own."""
    for bound in _BOUNDS:
        monkeypatch.setattr(bound, ANSWER_S)


async def until(is_so: Callable[[], object]) -> None:
    """Returns when `is_so` holds; fails when it never does."""
    async with asyncio.timeout(ANSWER_S):
        while not is_so():
            await asyncio.sleep(TICK_S)


class Lag:
    """`async with Lag() as lag`: how long this event loop stood still meanwhile, because the machine or another task kept it."""

    def __init__(self) -> None:
        self.ms = 0.0

    async def __aenter__(self) -> Lag:
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            await asyncio.sleep(TICK_S)
            self.ms += (loop.time() - began_s - TICK_S) * 1000


async def holds_within(is_so: Callable[[], object], ms: int) -> bool:
    """Whether `is_so` holds after at most `ms` of this event loop's own time, which stands still while the machine does other things."""
    for _ in range(round(ms / 1000 / TICK_S)):
        if is_so():
            return True
        await asyncio.sleep(TICK_S)
    return bool(is_so())
