"""Server-Sent Events: frames, heartbeats that keep proxies awake, and an end when the reader leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.responses import StreamingResponse

HEARTBEAT_S = 15.0
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event. data: text, any number of lines.  event: its name, "" for none.  event_id: where a reader may resume, "" for none."""

    data: str
    event: str = ""
    event_id: str = ""

    def encoded(self) -> bytes:
        """The frame as it goes over the wire; line breaks in names and ids are dropped so that nothing can be smuggled in."""
        lines = [f"event: {_one_line(self.event)}"] if self.event else []
        if self.event_id:
            lines.append(f"id: {_one_line(self.event_id)}")
        text = self.data.replace("\r\n", "\n").replace("\r", "\n")
        lines += [f"data: {line}" for line in text.split("\n")]
        return ("\n".join(lines) + "\n\n").encode()


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").replace("\0", "")


def event_stream(events: AsyncIterator[ServerEvent], *, heartbeat_s: float = HEARTBEAT_S) -> StreamingResponse:
    """A response that sends `events` as they come, a comment line every `heartbeat_s` without one, and closes the source when the reader leaves."""
    return StreamingResponse(_frames(events, heartbeat_s), media_type="text/event-stream", headers=dict(_HEADERS))


async def _frames(events: AsyncIterator[ServerEvent], heartbeat_s: float) -> AsyncIterator[bytes]:
    pending: asyncio.Task[ServerEvent] | None = None
    try:
        while True:
            pending = pending or asyncio.create_task(_next(events))
            done, _ = await asyncio.wait({pending}, timeout=heartbeat_s)
            if not done:
                yield b": keep-alive\n\n"
                continue
            finished, pending = pending, None
            try:
                yield finished.result().encoded()
            except StopAsyncIteration:
                return
    finally:
        if pending is not None:
            pending.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await pending
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


async def _next(events: AsyncIterator[ServerEvent]) -> ServerEvent:
    return await anext(events)
