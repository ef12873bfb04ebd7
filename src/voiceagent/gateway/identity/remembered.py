"""What the store answered a moment ago, so that no call waits for it and no crowd of calls asks it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from voiceagent.kit.clock import Clock
from voiceagent.kit.tasks import TaskScope

REMEMBERED_S = 4.0
"""No answer older than this is used: a revoked key or disabled user is out after at most this long."""

FRESH_S = 2.0
"""An older answer is still used, while a new one is fetched beside the call."""

MAX_ENTRIES = 10_000

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Answers by key. For each key at most one question is under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[Value, float]] = {}  # the answer, and when it was asked for
        self._asking: dict[str, asyncio.Task[Value]] = {}
        self._tasks = TaskScope("remembered")

    async def get(self, key: str, load: Callable[[], Awaitable[Value]]) -> Value:
        """The answer to `key`, from memory or from `load`. Raises what `load` raises when nothing young enough is known."""
        found = self._values.get(key)
        age_s = self._clock.monotonic_s() - found[1] if found is not None else REMEMBERED_S
        if found is not None and age_s < FRESH_S:
            return found[0]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = self._tasks.start(self._ask(key, load), name="ask")
        if found is not None and age_s < REMEMBERED_S:
            return found[0]
        return await asyncio.shield(asking)

    async def _ask(self, key: str, load: Callable[[], Awaitable[Value]]) -> Value:
        asked_s = self._clock.monotonic_s()
        this = asyncio.current_task()
        try:
            value = await load()
            if self._asking.get(key) is this:  # otherwise something changed meanwhile: the answer may be the old one
                self._keep(key, value, asked_s)
            return value
        finally:
            if self._asking.get(key) is this:
                del self._asking[key]

    def _keep(self, key: str, value: Value, asked_s: float) -> None:
        self._values.pop(key, None)
        while len(self._values) >= MAX_ENTRIES:
            del self._values[next(iter(self._values))]
        self._values[key] = (value, asked_s)

    def clear(self) -> None:
        """Forget everything, answers under way too: something changed here."""
        self._values.clear()
        self._asking.clear()

    async def close(self) -> None:
        """End what is under way."""
        await self._tasks.close()
