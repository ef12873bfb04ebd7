"""The cache in Redis: `redis://` and `rediss://`. Shared by every process; every wait is short, because a slow cache is worse than none."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from typing import Any

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from voiceagent.adapters.cache.limits import check_limit, check_ttl
from voiceagent.adapters.cache.redis_leases import RedisLeases
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.tasks import cancellable

_log = structlog.get_logger(__name__)

DEADLINE_S = 0.15
SOCKET_SHARE = 2 / 3
"""A socket that is silent for this part of the deadline leaves time for one more try."""
RETRIES = 1
CONNECTIONS = 50

_DIGEST_BYTES = 8

_GCRA = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = arrival + (cost - burst) / rate - now
if wait > 0 then
  return string.format('%.6f', wait)
end
arrival = arrival + cost / rate
redis.call('SET', KEYS[1], string.format('%.6f', arrival), 'PX', math.ceil((arrival - now) * 1000) + 1)
return '0'
"""
"""GCRA on the server's clock, in one step for every process. SHA-1 names the script, so that its text travels once."""


class RedisCache:
    """Values under `<prefix>v:<key>`, limits under `<prefix>r:<key>`, places under `<prefix>l:<key>`.

    Each value begins with a digest of its key and is checked on read: an answer that belongs to another question is not passed on.
    """

    def __init__(self, client: Redis, *, deadline_s: float = DEADLINE_S, prefix: str = "va:") -> None:
        self._client = client
        self._deadline_s = deadline_s
        self._prefix = prefix
        self._gcra = client.register_script(_GCRA)
        self.leases = RedisLeases(client, self._bounded, prefix)

    async def get(self, key: str) -> bytes | None:
        return _opened(key, await self._bounded(self._client.get(self._name("v", key))))

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        check_ttl(ttl_s)
        await self._bounded(
            self._client.set(self._name("v", key), _digest(key) + value, px=max(1, round(ttl_s * 1000)))
        )

    async def take(self, key: str) -> bytes | None:
        return _opened(key, await self._bounded(self._client.getdel(self._name("v", key))))

    async def delete(self, key: str) -> None:
        await self._bounded(self._client.delete(self._name("v", key)))

    async def allow(self, key: str, *, rate_per_s: float, burst: int, cost: int = 1) -> float:
        check_limit(rate_per_s, burst, cost)
        wait_s: bytes = await self._bounded(self._gcra(keys=[self._name("r", key)], args=[rate_per_s, burst, cost]))
        return float(wait_s)

    async def close(self) -> None:
        await self._client.aclose()

    async def _bounded(self, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await cancellable(answer)
        except (RedisError, OSError, TimeoutError) as failure:
            raise Unavailable("cache_unavailable", "the cache does not answer", retry_after_s=1.0) from failure

    def _name(self, kind: str, key: str) -> str:
        return f"{self._prefix}{kind}:{key}"


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
    """The cache in the Redis at `url`, which has `deadline_s` for each answer. Connects at the first use. Raises Misconfigured `cache_url`."""
    socket_s = deadline_s * SOCKET_SHARE
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=socket_s,
            socket_timeout=socket_s,
            socket_connect_timeout=socket_s,
            retry=Retry(NoBackoff(), RETRIES),
            protocol=2,  # the handshake of 3 costs a round trip
        )
    except ValueError as failure:
        raise Misconfigured("cache_url", "the cache's URL is redis://HOST:PORT/NUMBER") from failure
    return RedisCache(Redis.from_pool(pool), deadline_s=deadline_s)
