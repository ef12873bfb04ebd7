"""A TCP relay in user space that stands before a server and makes its network misbehave on request. Knows nothing of what passes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

FAULTS = ("refuse", "reset", "black_hole", "latency", "flap", "lost_reply")
LATENCY_S = 2.0
FLAP_S = 1.0
_PIECE_BYTES = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST, as a host does that has forgotten the connection."""


class Relay:
    """Listens on `port` from `open` on and passes bytes to `target_port` on loopback, as the fault of the moment allows.

    latency_s: how much later answers come under the fault `latency`.
    """

    def __init__(self, target_port: int, port: int) -> None:
        self.port = port
        self.latency_s = LATENCY_S
        self._target_port = target_port
        self._fault = ""
        self._healed = asyncio.Event()
        self._healed.set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._flapping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take connections. Idempotent."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def fail(self, fault: str) -> None:
        """Misbehave like this, one of FAULTS, from now on, connections that are open included."""
        if fault == "flap":
            self._flapping = asyncio.create_task(self._flap())
            return
        self._fault = fault
        self._healed.clear()
        if fault in ("refuse", "reset"):
            self._cut()
        if fault == "refuse":
            self._shut()

    async def heal(self) -> None:
        """Pass everything again; what a black hole held back arrives now, as retransmitted segments would."""
        if self._flapping is not None:
            self._flapping.cancel()
            await asyncio.gather(self._flapping, return_exceptions=True)
            self._flapping = None
        self._fault = ""
        self._healed.set()
        await self.open()

    async def close(self) -> None:
        """Idempotent."""
        await self.heal()
        self._shut()
        self._cut()

    async def _flap(self) -> None:
        while True:
            await self.fail("refuse")
            await asyncio.sleep(FLAP_S)
            self._fault = ""
            self._healed.set()
            await self.open()
            await asyncio.sleep(FLAP_S)

    def _shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _cut(self) -> None:
        for writer in tuple(self._open):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upper: asyncio.StreamWriter | None = None
        self._open.add(writer)
        try:
            if self._fault == "reset":
                return
            if self._fault == "black_hole":
                await self._healed.wait()
            answers, upper = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._open.add(upper)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, upper, replies=False))
                pumps.create_task(self._pump(answers, writer, replies=True))
        except* (OSError, _Cut):
            pass  # the other side sees the reset below
        finally:
            for one in (writer, upper):
                if one is not None:
                    self._open.discard(one)
                    _reset(one)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool) -> None:
        loop = asyncio.get_running_loop()
        late = 0.0
        while True:
            piece = await reader.read(_PIECE_BYTES)
            if self._fault == "lost_reply" and replies:
                raise _Cut
            if self._fault == "black_hole":
                await self._healed.wait()
            delay_s = self.latency_s if self._fault == "latency" and replies else 0.0
            if not piece:
                await asyncio.sleep(delay_s)
                raise _Cut
            late = max(late, loop.time() + delay_s)
            if late > loop.time():
                loop.call_at(late, _written, writer, piece)
            else:
                writer.write(piece)
                await writer.drain()


class _Cut(Exception):
    """This connection is over."""


def _written(writer: asyncio.StreamWriter, piece: bytes) -> None:
    if not writer.is_closing():
        writer.write(piece)


def _reset(writer: asyncio.StreamWriter) -> None:
    if writer.is_closing():
        return
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
