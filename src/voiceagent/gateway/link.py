"""The gateway's line to a service: the client, the addresses, the headers that carry the caller's identity."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from starlette.requests import HTTPConnection
from yarl import URL

from voiceagent.gateway.passing.headers import check_path, request_headers
from voiceagent.kit.calls.balance import Upstream, Upstreams
from voiceagent.kit.calls.inflight import InFlight
from voiceagent.kit.calls.trace import TRACEPARENT, TRACESTATE, current
from voiceagent.kit.calls.travel import LEFT_MS
from voiceagent.kit.calls.upkeep import Find, follow, probe, refresh
from voiceagent.kit.errors import Unauthenticated
from voiceagent.kit.tasks import TaskScope
from voiceagent.web.context import context_of
from voiceagent.web.tokens import SERVICE_HEADER, ServiceTokens

CONNECT_WITHIN_S = 2.0
SILENCE_WITHIN_S = 65.0
"""Longer than any wait inside a service, so that its own, more telling, error comes first."""

_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """silence_s: the longest pause before and inside an answer.  connect_s: for a connection.

    probes: ask services all the time whether they live, so that a hung process is noticed; for services in other processes.
    find: where services run, when that changes while the gateway runs.  tls: how services are called over https.
    """

    silence_s: float = SILENCE_WITHIN_S
    connect_s: float = CONNECT_WITHIN_S
    probes: bool = True
    find: Find | None = None
    tls: ssl.SSLContext | None = None


class Links:
    """The lines to all services. Used inside `open()`."""

    def __init__(
        self, services: Mapping[str, Sequence[str]], tokens: ServiceTokens, options: LinkOptions | None = None
    ) -> None:
        self._upstreams = {name: Upstreams(name, urls) for name, urls in services.items()}
        self._tokens = tokens
        self.options = options or LinkOptions()
        self._client: aiohttp.ClientSession | None = None
        self.sockets = InFlight()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hold connections and probes while the gateway runs."""
        options = self.options
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=20, ttl_dns_cache=10, ssl=options.tls or True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=options.connect_s, sock_read=options.silence_s)
        probes = TaskScope("gateway.probes")
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            auto_decompress=False,
            skip_auto_headers=_SKIPPED,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=32 * 1024,
            max_field_size=32 * 1024,
        ) as client:
            # aiohttp would send reads, changes and removals a second time by itself; which calls may be is said in proxy.py, within a budget
            client._retry_connection = False
            self._client = client
            for upstreams in self._upstreams.values():
                if options.find is not None:
                    await refresh(upstreams, options.find)
                    probes.start(follow(upstreams, options.find), name=f"{upstreams.service}.follow")
                if options.probes:
                    probes.start(probe(upstreams, client), name=upstreams.service)
            try:
                yield
            finally:
                self._client = None
                await probes.close()

    @property
    def client(self) -> aiohttp.ClientSession:
        """The HTTP client. Raises RuntimeError outside `open()`."""
        if self._client is None:
            raise RuntimeError("the links are not open")
        return self._client

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the services that can be reached."""
        return tuple(self._upstreams)

    def to(self, service: str) -> Upstreams:
        """The addresses of a service."""
        return self._upstreams[service]

    def headers(self, conn: HTTPConnection, service: str) -> CIMultiDict[str]:
        """What the service gets: the caller's harmless headers, who calls, and the request id."""
        context = context_of(conn)
        if context.principal is None:
            raise Unauthenticated("missing_credentials", "This call needs credentials.")
        headers = request_headers(conn.scope["headers"])
        headers[SERVICE_HEADER] = self._tokens.issue(context.principal, service)
        headers["X-Request-Id"] = context.request_id
        for name in (TRACEPARENT, TRACESTATE):
            headers.popall(name, None)
        if (trace := current()) is not None:
            headers.update(trace.departing())
        if conn.scope["type"] == "http":
            headers[LEFT_MS] = str(round(self.options.silence_s * 1000))
        return headers


def target(upstream: Upstream, conn: HTTPConnection) -> URL:
    """The address of this call at `upstream`, path and query as the caller wrote them. Raises InvalidInput `bad_path`."""
    path = check_path(conn.scope.get("raw_path") or conn.scope["path"].encode())
    query = conn.scope["query_string"].decode("latin-1")
    return URL(f"{upstream.url}{path}?{query}" if query else f"{upstream.url}{path}", encoded=True)
