"""Clients of Redis by URL: one server, the primary that Sentinels name, or a cluster. Knows nothing of what is kept there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis, Sentinel
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisClusterException, RedisError

SCHEMES = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
FORMS = "redis://HOST:PORT/NUMBER, redis+sentinel://HOST:PORT,HOST:PORT/NAME or redis+cluster://HOST:PORT,HOST:PORT"

FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a call may raise. That a cluster has no node for a key is no RedisError."""

_SENTINEL_PORT, _PORT = 26_379, 6_379
_SENTINELS_ASKED = 2
"""So many silent Sentinels one after another fit into the time that connecting may take."""
_LEAN = {"protocol": 2, "driver_info": None}
"""A handshake of version 3 costs a round trip, as does telling the name of a library."""


@dataclass(frozen=True, slots=True)
class RedisLink:
    """Where Redis is. `rediss` speaks TLS; user and password are those of its access list.

    Sentinels are asked with a user and password of their own: the options `sentinel_username` and `sentinel_password`.
    """

    kind: str
    """one | sentinel | cluster"""
    nodes: tuple[tuple[str, int], ...]
    primary: str
    """What the Sentinels call it; empty otherwise."""
    options: dict[str, Any] = field(repr=False)
    """Keyword arguments of a connection, the password among them."""

    def together(self, name: str) -> str:
        """`name` as the beginning of keys that one script or transaction touches: a cluster keeps those on one node."""
        return f"{{{name}}}" if self.kind == "cluster" else name

    def client(self, *, connect_s: float, connections: int, counts: bool = False, **options: Any) -> Redis:
        """A client that connects at its first use, and waits at most `connect_s` for a connection. What fails is tried once more, at once.

        counts: what is asked twice counts twice, so after a silence it is not.  options: of each connection, like `socket_timeout` in seconds.
        """
        options = _LEAN | self.options | {"socket_connect_timeout": connect_s} | options
        if self.kind == "cluster":  # tries again after any failure, or after none
            nodes = [ClusterNode(host, port) for host, port in self.nodes]
            retry = Retry(NoBackoff(), 0 if counts else 1)
            cluster = _Cluster(startup_nodes=nodes, max_connections=connections, retry=retry, **options)
            return cast(Redis, cluster)  # the same commands
        options["retry"] = Retry(NoBackoff(), 1, (Disconnected,)) if counts else Retry(NoBackoff(), 1)
        if self.kind == "sentinel":
            return self._of_sentinels(connect_s, options | {"max_connections": connections})
        host, port = self.nodes[0]
        pool = BlockingConnectionPool(
            max_connections=connections, timeout=connect_s, host=host, port=port, **_of_pool(options)
        )
        return Redis.from_pool(pool)

    def _of_sentinels(self, connect_s: float, options: dict[str, Any]) -> Redis:
        own = {"username": options.pop("sentinel_username", None), "password": options.pop("sentinel_password", None)}
        asked_s = connect_s / _SENTINELS_ASKED
        asking = {name: value for name, value in options.items() if name == "ssl" or name.startswith("ssl_")}
        asking |= own | {"socket_timeout": asked_s, "socket_connect_timeout": asked_s, "retry": Retry(NoBackoff(), 0)}
        sentinels = Sentinel(list(self.nodes), sentinel_kwargs=_LEAN | asking)  # type: ignore[no-untyped-call]
        pool = _Watched(self.primary, sentinels, **options)  # type: ignore[no-untyped-call]
        return Redis.from_pool(pool)


class _Watched(SentinelConnectionPool):
    """Connections to the primary that Sentinels name; ends those to the Sentinels with its own."""

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


class _Cluster(RedisCluster):
    """Learns the layout of the cluster in a task of its own: a caller's deadline ends the caller's wait, not the learning."""

    _learning: asyncio.Task[Any] | None = None

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        if (
            self._initialize
        ):  # the client would send what it cannot place yet to any node, and begin anew after five wrong ones
            await self.initialize()
        return await super().execute_command(*args, **kwargs)

    async def _determine_slot(self, command: str, *args: Any) -> int:
        """The client asks one node for the keys of a command that reads streams, each time, even when that node has died."""
        if command in ("XREAD", "XREADGROUP"):
            return self.keyslot(args[args.index(b"STREAMS") + 1])
        return await super()._determine_slot(command, *args)

    async def initialize(
        self,
        additional_startup_nodes_info: list[tuple[str, int]] | None = None,
        last_failed_node_name: str | None = None,
    ) -> RedisCluster:
        if self._learning is None or self._learning.done():
            learning = super().initialize(additional_startup_nodes_info, last_failed_node_name)
            self._learning = asyncio.create_task(learning, name="redis.layout")
            self._learning.add_done_callback(_seen)
        await asyncio.shield(self._learning)
        return self


def _seen(learning: asyncio.Task[Any]) -> None:
    """Its failure is told to whoever waits; when nobody does any more, it is not news."""
    if not learning.cancelled():
        learning.exception()


def _of_pool(options: dict[str, Any]) -> dict[str, Any]:
    """A plain pool is told by a class what the others are told by a flag."""
    from_url: dict[str, Any] = {**parse_url("rediss://")} if options.get("ssl") else {}
    return {name: value for name, value in options.items() if name != "ssl"} | from_url


def linked(url: str) -> RedisLink:
    """What `url` says, in one of FORMS. Raises ValueError."""
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if parts.scheme not in SCHEMES:
        raise ValueError(f"{parts.scheme} is not a scheme of Redis")
    login, _, hosts = parts.netloc.rpartition("@")
    # The client's own reading of user, password, number and options.
    options: dict[str, Any] = {**parse_url(f"{scheme}://{login}@host{'' if kind else parts.path}?{parts.query}")}
    options.pop("host", None)
    options.pop("connection_class", None)
    if scheme == "rediss":
        options["ssl"] = True
    path = unquote(parts.path).strip("/").split("/")
    if kind == "sentinel":
        if not path[0] or len(path) > 2:
            raise ValueError("after the Sentinels comes the name of the primary")
        options["db"] = int(path[1]) if len(path) == 2 else 0
    elif kind == "cluster" and path != [""]:
        raise ValueError("a cluster has one database, which has no number")
    nodes = tuple(_node(one, _SENTINEL_PORT if kind == "sentinel" else _PORT) for one in hosts.split(","))
    if len(nodes) > 1 and not kind:
        raise ValueError("more than one host is a cluster or the Sentinels of one")
    return RedisLink(kind or "one", nodes, path[0] if kind == "sentinel" else "", options)


def _node(text: str, port: int) -> tuple[str, int]:
    place = urlsplit(f"//{text}")
    return unquote(place.hostname or "localhost"), place.port or port
