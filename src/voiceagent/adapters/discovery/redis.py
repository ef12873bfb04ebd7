"""`redis://` and `rediss://`: services enter themselves in a sorted set by the time until which they are good, on the server's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from redis.asyncio import Redis

from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.redis_link import FAILURES, FORMS, linked
from voiceagent.kit.tasks import cancellable

GOOD_S = 6.0
ANSWER_S = 0.8
_SOCKET_S = 0.35  # twice fits into ANSWER_S: a connection that died is tried once more

_ANNOUNCE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]))
"""
_LIST = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')
"""


def open_discovery(url: str, *, good_s: float = GOOD_S) -> RedisDiscovery:
    """The register in the Redis at `url`; an entry is good for `good_s`. Connects at the first use. Raises Misconfigured `discovery_url`."""
    try:
        client = linked(url).client(connect_s=_SOCKET_S, connections=4, socket_timeout=_SOCKET_S)
    except ValueError as failure:
        raise Misconfigured("discovery_url", f"the register's URL is {FORMS}") from failure
    return RedisDiscovery(client, good_s)


class RedisDiscovery:
    """Implements ports.discovery.Discovery. One key a service: `va:services:<service>`."""

    def __init__(self, client: Redis, good_s: float) -> None:
        self._client = client
        self._good_ms = round(good_s * 1000)
        self._announce = client.register_script(_ANNOUNCE)
        self._list = client.register_script(_LIST)

    async def addresses(self, service: str) -> tuple[str, ...]:
        found: list[bytes] = await _bounded(self._list(keys=[_key(service)]))
        return tuple(sorted(url.decode() for url in found))

    async def announce(self, service: str, url: str) -> None:
        await _bounded(self._announce(keys=[_key(service)], args=[url, self._good_ms]))

    async def withdraw(self, service: str, url: str) -> None:
        await _bounded(self._client.zrem(_key(service), url))

    async def close(self) -> None:
        await self._client.aclose()


def _key(service: str) -> str:
    return f"va:services:{service}"


async def _bounded(answer: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await cancellable(answer)
    except FAILURES as failure:
        raise Unavailable("discovery_unavailable", "the register of services does not answer") from failure
