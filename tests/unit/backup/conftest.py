"""Installations to back up and to restore into: SQLite and files, or real PostgreSQL and S3 servers."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.servers import S3_SECRET, S3_USER, fresh_database, minio_url, postgresql_url

from voiceagent.apps.build import opened
from voiceagent.apps.config.layers import load
from voiceagent.apps.custody.anchoring import anchor_all
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.custody.signing import audit_signer
from voiceagent.apps.settings import Settings
from voiceagent.documents.parts import file_blob
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.conversation import Citation, Conversation, Turn, TurnTimings
from voiceagent.domain.document import Collection, Document
from voiceagent.domain.identity import Tenant
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.ids import new_id
from voiceagent.ports.blobs import BlobStore
from voiceagent.ports.store import Store

__all__ = ["minio_url", "postgresql_url"]

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TENANTS = ("ten_a", "ten_b")
TURN = Turn("turn_0", "conv_1", "where?", "there", "there", "answered", NOW, TurnTimings(first_audio_ms=2.0))
DOCUMENT = Document("doc_0", "col_1", "title", "plan.txt", "text/plain", 9, "0" * 64, "ready", NOW, NOW)

Make = Callable[[str], Settings]


@pytest.fixture(params=["embedded", "servers"])
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Settings of a new, empty installation of this name."""
    monkeypatch.chdir(tmp_path)

    def embedded(name: str) -> Settings:
        return settings_of(tmp_path / name)

    if request.param == "embedded":
        yield embedded
        return
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", S3_USER)
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", S3_SECRET)
    database, objects = (request.getfixturevalue(name) for name in ("postgresql_url", "minio_url"))

    asyncio.run(_emptied(objects))
    buckets = [objects]

    def servers(name: str) -> Settings:
        """The first one has the bucket, which is emptied for it."""
        urls = {"store.url": fresh_database(database, new_id(name))}
        if buckets:
            urls["blobs.url"] = buckets.pop()
        return settings_of(tmp_path / name, **urls)

    yield servers


def settings_of(data: Path, **flags: str) -> Settings:
    return load(environment={}, flags={"data.dir": str(data), **flags}).settings


async def _emptied(url: str) -> None:
    blobs: BlobStore = await opened("blobs", url)
    for tenant in TENANTS:
        for name in [name async for name in blobs.names(f"{tenant}/")]:
            await blobs.delete(name)
    await blobs.close()


def with_keys_of(settings: Settings, other: Settings) -> Settings:
    """`settings` with the two keys of `other` put into its data folder, as an operator does it before a restore."""
    settings.data.dir.mkdir(parents=True, exist_ok=True)
    for name in ("root.key", "backup.key"):
        shutil.copy(other.data.dir / name, settings.data.dir / name)
    return settings


async def open_store(settings: Settings) -> Store:
    keys = await open_keys(settings, SystemClock(), make=True)
    store: Store = await opened("store", settings.url("store"), keys=keys)
    return store


async def open_blobs(settings: Settings) -> BlobStore:
    keys = await open_keys(settings, SystemClock(), make=True)
    blobs: BlobStore = await opened("blobs", settings.url("blobs"), keys=keys)
    return blobs


async def fill(settings: Settings, *, turns: int = 30, documents: int = 4) -> None:
    """Two organisations with turns, audit records and documents, sealed as in service, and anchors over the records."""
    store, blobs = await open_store(settings), await open_blobs(settings)
    await store.migrate()
    for tenant in TENANTS:
        await store.directory.add_tenant(Tenant(tenant, tenant, NOW))
        await add_turns(store, tenant, turns)
        for number in range(documents):
            await add_document(store, blobs, tenant, number)
    anchors = await opened("anchors", settings.url("anchors"), signer=audit_signer(settings))
    await anchor_all(store, anchors, SystemClock())
    for part in (anchors, blobs, store):
        await part.close()


async def add_turns(store: Store, tenant: str, count: int) -> None:
    citation = Citation("doc_0", "title", 1, 0, 5, "quote", 0.5)
    async with store.begin(tenant) as work:
        await work.conversations.add(Conversation("conv_1", "default", "user_1", "voice", NOW, NOW, "a title"))
        for number in range(count):
            at = NOW + timedelta(seconds=number)
            turn = replace(TURN, turn_id=f"turn_{number}", asked=f"{tenant} {number}", created_at=at)
            await work.conversations.put_turn(replace(turn, citations=(citation,)))
            await work.audit.append(
                AuditEntry(f"aud_{number}", at, "user_1", "turn", f"turn_{number}", data={"n": 2.0})
            )


async def add_document(store: Store, blobs: BlobStore, tenant: str, number: int) -> None:
    document = replace(DOCUMENT, document_id=f"doc_{number}", metadata={"pages": [1, 2], "share": 1.0})
    await blobs.put(file_blob(tenant, document), f"{tenant} document {number}".encode() * 1000)
    async with store.begin(tenant) as work:
        await work.collections.put(Collection("col_1", "all", NOW))
        await work.documents.put(document)
