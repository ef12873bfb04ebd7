"""Objects that are damaged on their way to a real S3 server: the server finds it, the caller is told, and nothing damaged is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.servers import S3_SECRET, S3_USER

from voiceagent.adapters.blobs.s3 import PART_BYTES, open_blobs
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id

TRUE, FALSE = b"thirty days of leave", b"thirty days of sleep"
LARGE = b"x" * (PART_BYTES + 4096) + TRUE + b"y" * 4096
"""Goes up in two parts, of which the second is hit."""


@asynccontextmanager
async def damaging(url: str) -> AsyncIterator[str]:
    """The same store by way of a line that changes TRUE to FALSE on the way there."""
    address = urlsplit(parse_qs(urlsplit(url).query)["endpoint"][0])
    both: set[asyncio.Task[None]] = set()

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, damage: bool) -> None:
        while data := await reader.read(1 << 20):
            writer.write(data.replace(TRUE, FALSE) if damage else data)
            await writer.drain()
        writer.close()

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection(address.hostname, address.port)
        for work in (passed(reader, there, damage=True), passed(back, writer, damage=False)):
            both.add(asyncio.create_task(work))

    server = await asyncio.start_server(line, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield url.replace(f"127.0.0.1:{address.port}", f"127.0.0.1:{port}")
    server.close()
    for task in both:
        task.cancel()
    await asyncio.gather(*both, return_exceptions=True)


@pytest.mark.parametrize("data", [TRUE, LARGE], ids=["whole", "in-parts"])
@pytest.mark.parametrize("server", ["minio", "versitygw"])
async def test_what_arrives_damaged_is_refused_and_the_old_object_stays(
    server: str, data: bytes, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, patient: None
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", S3_USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_SECRET)
    url, name = request.getfixturevalue(f"{server}_url"), f"{new_id('ten')}/a/leave"
    straight = open_blobs(url)
    await straight.put(name, b"the old one")
    async with damaging(url) as line:
        bent = open_blobs(line)
        await bent.put(f"{name}.other", b"what holds no such words passes")
        with pytest.raises(Unavailable):
            await bent.put(name, data)
        await bent.close()
    assert b"".join([piece async for piece in straight.get(name)]) == b"the old one"
    await straight.close()
