"""The cheapest client and server that still speak HTTP/1.1: what they cost must not be taken for the cost of a proxy between them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import cast

import httptools


class Answers(asyncio.Protocol):
    """A server that gives the same answer to every request."""

    def __init__(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._answer = head.encode() + body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(self._answer)


class _Connection(asyncio.Protocol):
    """One connection, one call at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[int] | None = None

    def call(self, request: bytes) -> asyncio.Future[int]:
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError())


class Client:
    """Sends one request again and again, over as many connections as it takes. statuses: what it was answered; 0 for nothing."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._free: list[_Connection] = []
        self.statuses: Counter[int] = Counter()

    @property
    def failed(self) -> int:
        """Calls that were not answered 200."""
        return self.statuses.total() - self.statuses[200]

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        while self._free and self._free[-1].transport.is_closing():
            self._free.pop()  # the other side ended it while nobody used it
        if self._free:
            one = self._free.pop()
        else:
            _, one = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", self._port)
        yield one
        self._free.append(one)  # not after an error

    async def call(self, due_s: float) -> float | None:
        """Milliseconds from when it was due to the end of its answer; None when it failed."""
        try:
            async with self._connection() as connection:
                status = await asyncio.wait_for(connection.call(self._request), 30)
        except (OSError, TimeoutError):
            status = 0
        self.statuses[status] += 1
        if status != 200:
            return None
        return (time.perf_counter() - due_s) * 1000

    async def steady(self, rate: float, seconds: float, *, scattered: bool = False) -> list[float]:
        """An open loop: calls start when they are due, whatever became of those before. scattered: each at a random moment of its turn."""
        calls: list[asyncio.Task[float | None]] = []
        started_s = time.perf_counter()
        for number in range(int(rate * seconds)):
            due_s = started_s + (number + (random.random() if scattered else 0.0)) / rate
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            calls.append(asyncio.create_task(self.call(due_s)))
        return [took for took in await asyncio.gather(*calls) if took is not None]

    async def most(self, connections: int, seconds: float) -> float:
        """A closed loop: calls answered a second while each connection sends the next call at once."""
        ends_at_s, answered = time.perf_counter() + seconds, 0

        async def one() -> None:
            nonlocal answered
            while time.perf_counter() < ends_at_s:
                took_ms = await self.call(time.perf_counter())
                answered += took_ms is not None

        await asyncio.gather(*(one() for _ in range(connections)))
        return answered / seconds

    def close(self) -> None:
        for connection in self._free:
            connection.transport.close()
        self._free.clear()


def request(path: str, key: str, body: bytes) -> bytes:
    """A POST of JSON as it goes over the wire."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
