"""Places of which only so many may be taken, in Redis: one sorted set a key, its members the holders, their scores when they end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from redis.asyncio import Redis

from voiceagent.adapters.cache.limits import check_ttl

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
_HOLD = (
    _NOW
    + """
for at, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if not redis.call('ZSCORE', key, ARGV[1]) and redis.call('ZCARD', key) >= tonumber(ARGV[at + 2]) then
    return at
  end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
return 0
"""
)
_RENEW = (
    _NOW
    + """
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
"""
)
_GIVE_BACK = """
for _, key in ipairs(KEYS) do
  redis.call('ZREM', key, ARGV[1])
end
"""
_HELD = _NOW + "return redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')"


class RedisLeases:
    """Each call is one script on the server's clock. All holders use the same time to live, so that a key outlives its members."""

    def __init__(
        self, client: Redis, bounded: Callable[[Awaitable[Any]], Awaitable[Any]], prefix: str = "va:l"
    ) -> None:
        self._bounded = bounded
        self._prefix = prefix
        self._hold, self._renew, self._give_back, self._held = map(
            client.register_script, (_HOLD, _RENEW, _GIVE_BACK, _HELD)
        )

    async def hold(self, holder: str, most: Mapping[str, int], *, ttl_s: float) -> str | None:
        check_ttl(ttl_s)
        keys = list(most)
        full: int = await self._bounded(
            self._hold(keys=self._names(keys), args=[holder, round(ttl_s * 1000), *most.values()])
        )
        return keys[full - 1] if full else None

    async def renew(self, holder: str, keys: Collection[str], *, ttl_s: float) -> None:
        check_ttl(ttl_s)
        await self._bounded(self._renew(keys=self._names(keys), args=[holder, round(ttl_s * 1000)]))

    async def give_back(self, holder: str, keys: Collection[str]) -> None:
        await self._bounded(self._give_back(keys=self._names(keys), args=[holder]))

    async def held(self, key: str) -> int:
        count: int = await self._bounded(self._held(keys=self._names([key])))
        return count

    def _names(self, keys: Collection[str]) -> list[str]:
        return [f"{self._prefix}:{key}" for key in keys]
