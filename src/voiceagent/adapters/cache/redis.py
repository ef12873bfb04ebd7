"""The cache in Redis: `redis://` and `rediss://`. Shared by every process; every wait is short, because a slow cache is worse than none."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from voiceagent.adapters.cache.limits import check_limits, check_ttl
from voiceagent.adapters.cache.redis_leases import RedisLeases
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.redis_link import FAILURES, FORMS, linked
from voiceagent.kit.tasks import answered_within
from voiceagent.ports.cache import Owed, Taken, Taking

_log = structlog.get_logger(__name__)

DEADLINE_S = 0.15
SOCKET_SHARE = 2 / 3
"""A socket that is silent for this part of the deadline leaves time for one more try."""
CONNECTIONS = 50

_DIGEST_BYTES = 8

_GCRA = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local budgets, waits, taken = {}, {}, true
local function keep(at, key)
  local rate, burst, owed = tonumber(ARGV[at * 7 - 6]), tonumber(ARGV[at * 7 - 5]), tonumber(ARGV[at * 7 - 3])
  local ahead = math.max(budgets[at][1] - now, 0)
  local kept = (ahead * 2 * rate > burst or owed > 0) and 60000 or 1
  redis.call('SET', key, string.format('%.6f %d', budgets[at][1], budgets[at][2]), 'PX', math.ceil(ahead * 1000) + kept)
end
for at, key in ipairs(KEYS) do
  local rate, burst, cost = tonumber(ARGV[at * 7 - 6]), tonumber(ARGV[at * 7 - 5]), tonumber(ARGV[at * 7 - 4])
  local owed, since = tonumber(ARGV[at * 7 - 3]), tonumber(ARGV[at * 7 - 2])
  local full, before = tonumber(ARGV[at * 7 - 1]), tonumber(ARGV[at * 7])
  local arrival, given = string.match(redis.call('GET', key) or '0 0', '(%S+) (%S+)')
  arrival, given = math.max(tonumber(arrival), now), tonumber(given)
  if owed > 0 then
    local others = 0
    if before >= 0 and before <= given then
      others = given - before
    else
      full = 0
    end
    arrival = math.max(arrival, now + full + (owed + others) / rate - since)
    given = given + owed
  end
  local wait = cost > 0 and math.max(arrival + (cost - burst) / rate - now, 0) or 0
  taken = taken and wait == 0
  budgets[at], waits[at] = {arrival, given}, wait
  if owed > 0 then
    keep(at, key)
  end
end
local told = {}
for at, key in ipairs(KEYS) do
  local rate, cost = tonumber(ARGV[at * 7 - 6]), tonumber(ARGV[at * 7 - 4])
  if taken and cost > 0 then
    budgets[at] = {budgets[at][1] + cost / rate, budgets[at][2] + cost}
    keep(at, key)
  end
  told[at] = string.format('%.6f %.6f %d', waits[at], budgets[at][1] - now, budgets[at][2])
end
return told
"""
"""GCRA on the server's clock, in one step for every process. SHA-1 names the script, so that its text travels once.

A budget is its theoretical arrival time and how much it has given. One more than half used, or charged with what is owed, is kept
for a minute longer than it matters, because replicas that could not reach the server may still bring what they let through since then.
"""

_GCRA_NAME = hashlib.sha1(_GCRA.encode(), usedforsecurity=False).hexdigest()


class RedisCache:
    """Values under `<prefix>v:<key>`, limits under `<prefix>r:<key>`, places under `<prefix>l:<key>`.

    Each value begins with a digest of its key and is checked on read: an answer that belongs to another question is not passed on.
    """

    def __init__(
        self,
        client: Redis,
        counting: Redis | None = None,
        *,
        deadline_s: float = DEADLINE_S,
        prefix: str = "va:",
        together: Callable[[str], str] = str,
    ) -> None:
        """counting: the client for limits.  together: makes the beginning of keys that one script touches (kit/redis_link.py)."""
        self._client = client
        self._counting = counting or client
        self._deadline_s = deadline_s
        self._prefix = prefix
        self._limits = together(f"{prefix}r")
        self.leases = RedisLeases(client, self._bounded, together(f"{prefix}l"))

    async def get(self, key: str) -> bytes | None:
        return _opened(key, await self._bounded(self._client.get(self._name(key))))

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        check_ttl(ttl_s)
        await self._bounded(self._client.set(self._name(key), _digest(key) + value, px=max(1, round(ttl_s * 1000))))

    async def take(self, key: str) -> bytes | None:
        return _opened(key, await self._bounded(self._client.getdel(self._name(key))))

    async def delete(self, key: str) -> None:
        await self._bounded(self._client.delete(self._name(key)))

    async def allow(self, takings: Sequence[Taking]) -> list[Taken]:
        check_limits(takings)
        keys, args = [f"{self._limits}:{one.key}" for one in takings], list[float]()
        for one in takings:
            args += (one.rate_per_s, one.burst, one.cost, *_of_owed(one.owed))
        told: list[bytes] = await self._bounded(self._evaluated(keys, args))
        return [
            Taken(float(wait_s), float(full_in_s), int(given)) for wait_s, full_in_s, given in map(bytes.split, told)
        ]

    async def _evaluated(self, keys: list[str], args: list[float]) -> Any:
        try:
            return await self._counting.evalsha(_GCRA_NAME, len(keys), *keys, *args)
        except NoScriptError:
            return await self._counting.eval(_GCRA, len(keys), *keys, *args)

    async def close(self) -> None:
        await self._counting.aclose()
        await self._client.aclose()

    async def _bounded(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answered_within(answer, self._deadline_s)
        except FAILURES as failure:
            raise Unavailable("cache_unavailable", "the cache does not answer", retry_after_s=1.0) from failure

    def _name(self, key: str) -> str:
        return f"{self._prefix}v:{key}"


def _of_owed(owed: Owed | None) -> tuple[float, float, float, int]:
    if owed is None:
        return 0, 0.0, 0.0, -1
    last = owed.last or Taken(0.0, 0.0, -1)
    return owed.units, owed.since_s, last.full_in_s, last.given


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()[:_DIGEST_BYTES]


def _opened(key: str, stored: bytes | None) -> bytes | None:
    if stored is None:
        return None
    if stored[:_DIGEST_BYTES] != _digest(key):
        _log.error("cache_value_of_another_key")
        return None
    return stored[_DIGEST_BYTES:]


def open_cache(url: str, *, deadline_s: float = DEADLINE_S) -> RedisCache:
    """The cache in the Redis at `url`, which has `deadline_s` for each answer. Connects at the first use. Raises Misconfigured `cache_url`.

    What is counted has connections of its own: nothing large comes before it, and it is asked once, because asked twice it counts twice.
    """
    socket_s = deadline_s * SOCKET_SHARE
    try:
        link = linked(url)
    except ValueError as failure:
        raise Misconfigured("cache_url", f"the cache's URL is {FORMS}") from failure
    values = link.client(connect_s=socket_s, connections=CONNECTIONS, socket_timeout=socket_s)
    limits = link.client(connect_s=deadline_s, connections=CONNECTIONS, counts=True)
    return RedisCache(values, limits, deadline_s=deadline_s, together=link.together)
