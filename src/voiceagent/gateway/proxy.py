"""Passes an HTTP call to a service and its answer back, both as streams. Knows nothing of what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import structlog
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import Receive, Scope, Send

from voiceagent.gateway.link import Links, target
from voiceagent.gateway.parts import gateway_of
from voiceagent.gateway.passing.headers import content_length, response_headers
from voiceagent.gateway.passing.vigil import Vigil
from voiceagent.gateway.shaping.hooks import Call
from voiceagent.gateway.shaping.passage import shaped
from voiceagent.kit.calls.balance import Upstream
from voiceagent.kit.errors import DeadlineExceeded, Problem, Unauthenticated
from voiceagent.web.context import scope_context

_WHOLE_BYTES = 64 * 1024
"""Answers up to this size are passed in one piece."""

_REPEATABLE = ("GET", "HEAD")

_log = structlog.get_logger(__name__)


class HttpProxy:
    """The ASGI app of every route that a service answers."""

    def __init__(self, links: Links, service: str, path: str = "") -> None:
        self._links = links
        self._service = service
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hooks = gateway_of(HTTPConnection(scope)).hooks
        principal = scope_context(scope).principal
        if not hooks or principal is None:
            await self._passed(scope, receive, send)
            return
        call = Call(self._path, "request", scope["method"], principal.tenant_id, principal.subject)
        await shaped(hooks, call, self._passed, scope, receive, send)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        conn, quotas = HTTPConnection(scope), gateway_of(HTTPConnection(scope)).quotas
        length = content_length(scope["headers"])
        with quotas.under_way(conn):
            if length is None:
                receive = quotas.metered(conn, receive)
            else:
                await quotas.upload(conn, length)
            await _Passage(self._links, self._service, conn, _Body(scope, receive), send).run()


class _Body:
    """The caller's body, read at most once, and the news that the caller has left."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.length = content_length(scope["headers"])
        self.failure: Exception | None = None
        self.whole: bytes | None = None
        self.started = False
        self._first = b""
        self._ended = asyncio.Event()

    async def begin(self) -> None:
        """Read the first piece; most bodies are whole with it."""
        self._first, more = await self._piece()
        if not more:
            self.whole = self._first
            self._ended.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The rest of a body that did not come whole. What goes wrong is kept in `failure`."""
        self.started = True
        try:
            yield self._first
            more = True
            while more:
                piece, more = await self._piece()
                if piece:
                    yield piece
        except (Problem, ClientDisconnect) as error:
            self.failure = error
            raise
        self._ended.set()

    async def _piece(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        return message.get("body", b""), message.get("more_body", False)

    async def left(self) -> None:
        """Returns when the caller has gone away."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class _Passage:
    """One call on its way."""

    def __init__(self, links: Links, service: str, conn: HTTPConnection, body: _Body, send: Send) -> None:
        self._links = links
        self._upstreams = links.to(service)
        self._conn = conn
        self._body = body
        self._send = send
        self._headers = links.headers(conn, service)
        self._answering = False

    async def run(self) -> None:
        await self._body.begin()
        with Vigil(self._upstreams, self._body.left) as vigil:
            await self._pass(vigil)

    async def _pass(self, vigil: Vigil) -> None:
        failed: Upstream | None = None
        for last in (False, True):
            with self._upstreams.lease(but=failed) as upstream:
                try:
                    await self._exchange(upstream, vigil)
                    return
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                    self._upstreams.failed(upstream)
                    failed = upstream
                    if last or self._body.started or not self._upstreams.may_retry():
                        raise self._upstreams.unavailable() from error
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    failed = upstream
                    if last or not self._may_repeat(error):
                        self._broken(error)
                        return

    def _may_repeat(self, error: Exception) -> bool:
        """Whether another address may be asked although this one may have begun: only for reads, before the first byte of an answer."""
        lost = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | ConnectionError)
        unread = not self._answering and not self._body.started and self._conn.scope["method"] in _REPEATABLE
        return lost and unread and self._upstreams.may_retry()

    def _broken(self, error: Exception) -> None:
        """The connection to the service failed after it was made: nothing may be tried twice."""
        if self._body.failure is not None:
            raise self._body.failure
        if self._answering:
            # The answer is cut off where it is, without its proper end, so that nobody takes it for whole.
            _log.warning("answer_cut_off", service=self._upstreams.service, error=type(error).__name__)
            return
        if isinstance(error, TimeoutError):
            raise DeadlineExceeded(
                "service_deadline", f"The {self._upstreams.service} service took too long."
            ) from error
        raise self._upstreams.unavailable() from error

    async def _exchange(self, upstream: Upstream, vigil: Vigil) -> None:
        body = self._body
        if body.whole is None and body.length is not None:
            self._headers["Content-Length"] = str(body.length)
        data = body.pieces() if body.whole is None else body.whole or None
        vigil.upstream, vigil.begun = upstream, False
        try:
            async with await self._begun(upstream, data) as answer:
                self._upstreams.worked(upstream)
                vigil.begun = True
                if answer.status == Unauthenticated.status:
                    # Services know no credentials but ours: the caller's are good, and a client must not throw them away.
                    _log.error("service_token_refused", service=self._upstreams.service)
                    raise self._upstreams.unavailable()
                await self._answer(answer)
        except asyncio.CancelledError:
            if not vigil.hung():
                raise
            raise ConnectionResetError("the process gives no sign of life") from None
        finally:
            vigil.upstream = None

    async def _begun(self, upstream: Upstream, data: AsyncIterator[bytes] | bytes | None) -> aiohttp.ClientResponse:
        url, method = target(upstream, self._conn), self._conn.scope["method"]
        return await self._links.client.request(method, url, headers=self._headers, data=data, allow_redirects=False)

    async def _answer(self, answer: aiohttp.ClientResponse) -> None:
        start = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": response_headers(answer.raw_headers),
        }
        length = answer.content_length
        if length is not None and length <= _WHOLE_BYTES:
            whole = await answer.read()
            self._answering = True
            await self._send(start)
            await self._send({"type": "http.response.body", "body": whole})
            return
        self._answering = True
        await self._send(start)
        async for piece in answer.content.iter_any():
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})
