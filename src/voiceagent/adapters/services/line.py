"""The line from one service to another: which address takes a call, who signs it, what is tried again. Reads no answers."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from voiceagent.adapters.services.hedge import Pace
from voiceagent.domain.identity import Principal
from voiceagent.kit.calls.balance import Upstream, Upstreams
from voiceagent.kit.calls.travel import departing, left_s
from voiceagent.kit.calls.upkeep import Find, follow, probe, refresh, while_alive
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.tasks import TaskScope

CONNECT_S = 1.0
HEADER = "X-Voiceagent-Service"
_LINE_BYTES = 1 << 20

ServiceToken = Callable[[Principal], str]
"""Makes the service token with which a service is called in a caller's name."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call to make. within_s: until its answer begins.  repeatable: twice has the effect of once.

    read: it changes nothing, so that a second address may be asked while a slow first one still works on it.
    loyal_to: calls with the same words go to the same address where they can, because it remembers them.
    """

    path: str
    principal: Principal
    body: bytes
    within_s: float
    repeatable: bool = False
    read: bool = False
    loyal_to: str = ""


class Answer:
    """An answer that has begun. Reading it raises ConnectionResetError when the process goes silent in the middle, aiohttp.ClientError when
    the connection breaks, ValueError for a line over 1 MiB."""

    def __init__(self, response: aiohttp.ClientResponse, upstreams: Upstreams, upstream: Upstream) -> None:
        self.status = response.status
        self._response = response
        self._upstreams = upstreams
        self._upstream = upstream

    async def read(self) -> bytes:
        """All of it."""
        return await while_alive(self._upstreams, self._upstream, self._response.read(), begun=True)

    async def line(self) -> bytes:
        """The next line with its end; empty after the last."""
        return await while_alive(self._upstreams, self._upstream, self._response.content.readline(), begun=True)

    def close(self) -> None:
        """Cut off what was not read; gives the connection back when everything was."""
        self._response.close()


class ServiceLine:
    """Connections to all addresses of one service. Belongs to the event loop of its first call."""

    def __init__(
        self, upstreams: Upstreams, token: ServiceToken, find: Find | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._upstreams = upstreams
        self._token = token
        self._find = find
        self._tls = tls
        self._http: aiohttp.ClientSession | None = None
        self._upkeep = TaskScope(f"{upstreams.service}.upkeep")
        self._opening = asyncio.Lock()
        self._pace = Pace()
        self._closed = False

    @asynccontextmanager
    async def sent(self, call: Call) -> AsyncIterator[Answer]:
        """The answer of the service, from its first byte on; what is not read of it is cut off at the end of the block.

        Raises TimeoutError after `within_s`, or when the call that caused this one has no time left; ConnectionError or
        aiohttp.ClientError when no address takes the call.
        """
        http = await self._opened()
        with ExitStack() as leases:
            async with asyncio.timeout(left_s(call.within_s)):
                answer = await self._begun(http, call, leases)
            try:
                yield answer
            finally:
                answer.close()

    async def _begun(self, http: aiohttp.ClientSession, call: Call, leases: ExitStack) -> Answer:
        try:
            first = leases.enter_context(self._upstreams.lease(loyal_to=call.loyal_to))
            return await (self._hedged(http, call, first, leases) if call.read else self._tried(http, call, first))
        except _Refused as refused:
            if not (refused.unsent or call.repeatable) or not self._upstreams.may_retry():
                raise refused.error from refused
            leases.close()
            other = refused.upstream if len(self._upstreams.all) > 1 else None
        except Unavailable as problem:
            raise ConnectionRefusedError(problem.message) from problem
        try:
            return await self._tried(http, call, leases.enter_context(self._upstreams.lease(but=other)))
        except _Refused as refused:
            raise refused.error from refused
        except Unavailable as problem:
            raise ConnectionRefusedError(problem.message) from problem

    async def _hedged(self, http: aiohttp.ClientSession, call: Call, first: Upstream, leases: ExitStack) -> Answer:
        """The answer of `first`, or of another address when that is late and the budget of second tries allows it; who loses is cut off."""
        begun_s = time.monotonic()
        tries = [asyncio.create_task(self._tried(http, call, first))]
        answer: Answer | None = None
        try:
            await asyncio.wait(tries, timeout=self._pace.patience_s())
            if not tries[0].done() and len(self._upstreams.all) > 1 and self._upstreams.may_retry():
                other = leases.enter_context(self._upstreams.lease(but=first))
                tries.append(asyncio.create_task(self._tried(http, call, other)))
            answer = await _first_good(tries)
        finally:
            for one in tries:
                one.cancel()
            for late in await asyncio.gather(*tries, return_exceptions=True):
                if isinstance(late, Answer) and late is not answer:
                    late.close()
        self._pace.took(time.monotonic() - begun_s)
        return answer

    async def _tried(self, http: aiohttp.ClientSession, call: Call, upstream: Upstream) -> Answer:
        headers = departing(left_s(call.within_s)) | {
            HEADER: self._token(call.principal),
            "Content-Type": "application/json",
        }
        try:
            sending = _sent(http, upstream.url + call.path, call.body, headers)
            response = await while_alive(self._upstreams, upstream, sending)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self._upstreams.failed(upstream)
            raise _Refused(error, upstream, unsent=True) from error
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise _Refused(error, upstream, unsent=False) from error
        self._upstreams.worked(upstream)
        return Answer(response, self._upstreams, upstream)

    async def _opened(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._closed:
                raise ConnectionAbortedError("the line is closed")
            if self._http is None:
                self._http = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=20, ssl=self._tls or True),
                    timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    read_bufsize=_LINE_BYTES,
                )
                self._upkeep.start(probe(self._upstreams, self._http), name="probe", apart=True)
                if self._find is not None:
                    await refresh(self._upstreams, self._find)
                    self._upkeep.start(follow(self._upstreams, self._find), name="follow", apart=True)
            return self._http

    async def close(self) -> None:
        """Close connections. Idempotent."""
        self._closed = True
        await self._upkeep.close(within_s=1.0)
        http, self._http = self._http, None
        if http is not None:
            await http.close()


async def _first_good(tries: list[asyncio.Task[Answer]]) -> Answer:
    """What the first try that goes well brings; what the last one raises when none does."""
    waiting = set(tries)
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            if one.exception() is None or not waiting:
                return one.result()


async def _sent(http: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> aiohttp.ClientResponse:
    return await http.post(url, data=body, headers=headers, allow_redirects=False)


class _Refused(Exception):
    """An address did not answer. unsent: it did not even take the connection, so that nothing can have happened."""

    def __init__(self, error: Exception, upstream: Upstream, *, unsent: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.upstream = upstream
        self.unsent = unsent
