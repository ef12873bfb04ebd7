"""Servers that take connections and never answer, as frozen ones do, or answer that they are full: what callers are told, and how soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from tests.support.servers import S3_SECRET, S3_USER, WEAVIATE_KEY

from voiceagent.adapters.blobs import s3
from voiceagent.adapters.vectors import weaviate
from voiceagent.kit.errors import Unavailable
from voiceagent.ports.vectors import VectorQuery

PATIENCE_S = 20.0
"""Far more than the shortened bounds below, and clearly less than a wait that they do not shorten."""


@dataclass
class Troubled:
    """answer: all that it says, to whatever is asked; nothing is said for None.  asked: the first lines of all requests."""

    port: int = 0
    answer: bytes | None = None
    asked: list[str] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append((await reader.readline()).decode().strip())
            writer.write(self.answer or b"")
            await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Troubled]:
    made = Troubled()
    listener = await asyncio.start_server(made.take, "127.0.0.1", 0)
    made.port = listener.sockets[0].getsockname()[1]
    yield made
    listener.close()


async def test_no_look_at_a_silent_vector_store_waits_as_long_as_a_change(
    server: Troubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weaviate, "_ANSWER_S", 0.2)
    store = weaviate.open_vectors(f"weaviate://127.0.0.1:{server.port}", api_key=WEAVIATE_KEY)
    query = VectorQuery("any", (1.0,), ("col_a",), "usr_a")
    async with asyncio.timeout(PATIENCE_S):
        for call in (lambda: store.search("ten_a", "model", query), lambda: store.delete("ten_a", "doc_1")):
            with pytest.raises(Unavailable) as caught:
                await call()
            assert caught.value.code == "vectors_unavailable"
    await store.close()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", S3_USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_SECRET)


@pytest.fixture
async def objects(server: Troubled, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[s3.S3Blobs]:
    monkeypatch.setattr(s3, "READ_S", 1.0)
    store = s3.open_blobs(f"s3://objects?endpoint=http://127.0.0.1:{server.port}")
    yield store
    await store.close()


async def test_a_silent_object_store_is_asked_once(server: Troubled, objects: s3.S3Blobs) -> None:
    with pytest.raises(Unavailable) as caught:
        await objects.put("ten_a/documents/doc_1", b"bytes")
    assert caught.value.code == "blobs_unavailable"
    assert len(server.asked) == 1, server.asked


async def test_what_sends_no_bytes_to_a_silent_object_store_waits_less_than_what_does(
    server: Troubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "READ_S", 60.0)
    monkeypatch.setattr(s3, "ANSWER_S", 0.2)
    store = s3.open_blobs(f"s3://objects?endpoint=http://127.0.0.1:{server.port}&region=us-east-1")
    async with asyncio.timeout(PATIENCE_S):
        for call in (
            lambda: anext(store.get("ten_a/texts/doc_1")),
            lambda: store.delete("ten_a/texts/doc_1"),
            lambda: anext(store.names("ten_a/texts/")),
        ):
            with pytest.raises(Unavailable) as caught:
                await call()
            assert caught.value.code == "blobs_unavailable"
    await store.close()


@pytest.mark.parametrize(
    ("status", "code"), [("507 Insufficient Storage", "storage_full"), ("503 Service Unavailable", "blobs_unavailable")]
)
async def test_only_a_store_that_says_so_is_full_whatever_an_object_is_called(
    server: Troubled, objects: s3.S3Blobs, status: str, code: str
) -> None:
    server.answer = f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
    with pytest.raises(Unavailable) as caught:
        await objects.put("ten_a/documents/doc_507", b"bytes")
    assert caught.value.code == code
