"""Runs apps on ports: any number of servers in one event loop, started together, drained together. The process owns the signals."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voiceagent.kit.errors import Misconfigured, Problem
from voiceagent.web.auth import all_routes
from voiceagent.web.protocols import protocol_options

DRAIN_S = 10.0
_COLLECT_AFTER = (10_000, 20, 20)


@dataclass(frozen=True, slots=True)
class Listener:
    """An app and where it listens. port 0 takes a free one.  tls: nothing but TLS is spoken.  hsts_s: for so long browsers are told to use nothing else."""

    app: FastAPI
    port: int
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    hsts_s: int = 0


class _StrictTransport:
    """Tells browsers to come over TLS alone (RFC 6797), on every answer."""

    def __init__(self, app: ASGIApp, for_s: int) -> None:
        self._app = app
        self._value = f"max-age={for_s}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["strict-transport-security"] = self._value
            await send(message)

        await self._app(scope, receive, told if scope["type"] == "http" else send)


class _QuietServer(uvicorn.Server):
    """uvicorn's server without its signal handlers, telling when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Servers:
    """The servers of one process: `start` returns when all answer, `stop` drains them. The first listener starts last."""

    def __init__(self, listeners: Sequence[Listener], *, drain_s: float = DRAIN_S) -> None:
        self._listeners = listeners
        self._drain_s = drain_s
        self._stop = asyncio.Event()
        self._run_task: asyncio.Task[None] | None = None
        self.ports: tuple[int, ...] = ()

    async def start(self) -> None:
        """Bind every port, then run every lifespan, then answer. All or nothing.

        What holds the loop for long comes before: who calls a bound port is taken, and hears nothing until it answers.
        Raises Misconfigured `port_taken`, `port_not_allowed`, `host_not_local`, or what a lifespan raised.
        """
        for listener in self._listeners:
            all_routes(listener.app)  # the framework makes them when they are first looked at
        await run_in_threadpool(bool)  # and loads what it runs functions in threads with when it first does
        _settle_memory()
        sockets = _bind_all(self._listeners)
        self.ports = tuple(bound.getsockname()[1] for bound in sockets)
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._run_task = asyncio.create_task(self._run(sockets, started), name="servers")
        await started

    def retire(self) -> None:
        """Go on, but tell balancers to send no more: every app is not ready, and says so in its sign of life."""
        for listener in self._listeners:
            listener.app.state.retiring = True

    async def stop(self) -> None:
        """Take no more connections, end what runs within the drain time, close the apps. Idempotent."""
        self._stop.set()
        if self._run_task is not None:
            await asyncio.wait({self._run_task})

    async def wait(self) -> None:
        """Returns once everything is stopped; raises what ended a server before that."""
        if self._run_task is not None:
            await asyncio.shield(self._run_task)

    async def _run(self, sockets: list[socket.socket], started: asyncio.Future[None]) -> None:
        try:
            async with AsyncExitStack() as lifespans:
                for listener in reversed(self._listeners):
                    await lifespans.enter_async_context(listener.app.router.lifespan_context(listener.app))
                await self._serve([self._server(listener) for listener in self._listeners], sockets, started)
        except BaseException as failure:
            if started.done():
                raise
            started.set_exception(failure)
        finally:
            for bound in sockets:
                bound.close()

    async def _serve(
        self, servers: list[_QuietServer], sockets: list[socket.socket], started: asyncio.Future[None]
    ) -> None:
        runs = [asyncio.create_task(server.serve([bound])) for server, bound in zip(servers, sockets, strict=True)]
        stop = asyncio.create_task(self._stop.wait())
        try:
            for server in servers:
                await server.answers.wait()
            started.set_result(None)
            await asyncio.wait({stop, *runs}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for server in servers:
                server.should_exit = True
            stop.cancel()
            await asyncio.gather(*runs)

    def _server(self, listener: Listener) -> _QuietServer:
        # uvicorn logs addresses with their query strings on INFO, and queries may hold tickets
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        tls = listener.tls
        config = uvicorn.Config(
            _StrictTransport(listener.app, listener.hsts_s) if tls and listener.hsts_s else listener.app,
            timeout_graceful_shutdown=max(1, round(self._drain_s)),
            ssl_context_factory=(lambda _config, _default: tls) if tls else None,
            **protocol_options(),
        )
        return _QuietServer(config)


def _settle_memory() -> None:
    """What is loaded now stays: without this the collector walks through all of it again and again, each time for 0.1 s.

    The young generation may grow larger before it is looked at: nearly all of a call's objects are gone by then.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def _bind_all(listeners: Sequence[Listener]) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for listener in listeners:
            bound.append(_bind(listener.host, listener.port))
    except Problem:
        for one in bound:
            one.close()
        raise
    return bound


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns off the delay of small segments (40 ms each) only for sockets that say TCP.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(2048)
    except OSError as error:
        made.close()
        raise _bind_problem(host, port, error) from error
    made.setblocking(False)
    return made


def _bind_problem(host: str, port: int, error: OSError) -> Misconfigured:
    if error.errno == errno.EADDRINUSE:
        return Misconfigured(
            "port_taken", f"Port {port} on {host} is taken by another program; stop it or choose another port."
        )
    if error.errno == errno.EACCES:
        return Misconfigured(
            "port_not_allowed", f"This user may not open port {port} on {host}; choose one above 1023."
        )
    return Misconfigured("host_not_local", f"{host} is not an address of this machine.")
