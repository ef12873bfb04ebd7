"""What tests of vector stores put and ask, and keys to seal them with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.embed.hashed import HashedEmbedder
from voiceagent.adapters.keys.ring import KeyRing
from voiceagent.adapters.keys.roots import open_keys
from voiceagent.domain.document import Chunk
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument, VectorQuery, VectorStore

MODEL = "hashed-64"
EMBEDDER = HashedEmbedder(64)


async def vector_of(text: str) -> tuple[float, ...]:
    return (await EMBEDDER.embed((text,)))[0]


async def entries(document_id: str, *texts: str, collection_id: str = "col_a") -> tuple[IndexedChunk, ...]:
    made = []
    for at, text in enumerate(texts):
        chunk = Chunk(
            f"{document_id}.{at}", document_id, collection_id, at, at + 1, at * 100, at * 100 + len(text), text
        )
        made.append(IndexedChunk(chunk, await vector_of(text)))
    return tuple(made)


async def put(store: VectorStore, document_id: str, *texts: str, tenant: str = "ten_a", **attributes: object) -> None:
    document = replace(IndexedDocument(document_id, "col_a", f"Title of {document_id}"), **attributes)  # type: ignore[arg-type]
    await store.put(tenant, MODEL, document, await entries(document_id, *texts, collection_id=document.collection_id))


async def search(
    store: VectorStore, text: str, *, tenant: str = "ten_a", model: str = MODEL, **attributes: object
) -> list[str]:
    query = VectorQuery(text, await vector_of(text), ("col_a",), "user_1", limit=10)
    found = await store.search(tenant, model, replace(query, **attributes))  # type: ignore[arg-type]
    return [passage.chunk.chunk_id for passage in found]


def keys_in(folder: Path, clock: Clock | None = None) -> KeyRing:
    """Keys of tenants under a root key, all in `folder`."""
    ring = open_blobs(f"file://{folder}/ring")
    return open_keys(f"file://{folder}/root.key", ring=ring, clock=clock or SystemClock())
