"""Server-Sent Events: exact frames, heartbeats, the end of the source, the end of the reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from voiceagent.web.answers.sse import ServerEvent, event_stream


def test_frames_are_exact_and_cannot_be_broken_out_of() -> None:
    assert ServerEvent("a\nb", "turn", "7").encoded() == b"event: turn\nid: 7\ndata: a\ndata: b\n\n"
    assert ServerEvent("x\r\n\revent: forged", "n\n\nevent: forged").encoded().count(b"\nevent:") == 0


async def test_events_come_in_order_and_the_stream_ends_with_its_source() -> None:
    async def source() -> AsyncIterator[ServerEvent]:
        yield ServerEvent("1")
        yield ServerEvent("2")

    frames = [frame async for frame in event_stream(source()).body_iterator]
    assert frames == [b"data: 1\n\n", b"data: 2\n\n"]


async def test_silence_is_filled_and_a_leaving_reader_closes_the_source() -> None:
    closed = asyncio.Event()

    async def source() -> AsyncIterator[ServerEvent]:
        try:
            await asyncio.Event().wait()
            yield ServerEvent("never")
        finally:
            closed.set()

    body = event_stream(source(), heartbeat_s=0.001).body_iterator
    assert await anext(body) == b": keep-alive\n\n"
    await body.aclose()
    assert closed.is_set()
