"""Remembers for a while who changed something, over all processes: in the cache, and here in case it is gone."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem
from voiceagent.ports.cache import Cache

_MOST = 10_000
_log = structlog.get_logger(__name__)


class NotedWrites:
    """Implements ports.store.RecentWrites. cache: the one of this process, or None before it is open."""

    def __init__(self, cache: Callable[[], Cache | None], clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._here: dict[str, float] = {}

    async def note(self, key: str, *, for_s: float) -> None:
        now_s = self._clock.monotonic_s()
        self._here[key] = now_s + for_s
        if len(self._here) > _MOST:
            self._here = {name: until_s for name, until_s in self._here.items() if until_s > now_s}
        cache = self._cache()
        if cache is None:
            return
        try:
            await cache.put(key, b"1", ttl_s=for_s)
        except Problem as problem:
            _log.warning("write_not_noted", code=problem.code)

    async def has(self, key: str) -> bool:
        if self._here.get(key, 0.0) > self._clock.monotonic_s():
            return True
        cache = self._cache()
        try:
            return cache is None or await cache.get(key) is not None
        except Problem:
            return True  # nobody can tell: the primary knows in any case
