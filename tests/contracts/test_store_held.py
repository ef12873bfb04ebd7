"""What ports/library.py says of a document that is held, on both databases: who reads it to change it undoes no change of another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contracts.test_store import postgresql_database, tenant

from voiceagent.adapters.store.sql import open_store
from voiceagent.documents.parts import read_by
from voiceagent.domain.document import Collection, Document
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import NotFound
from voiceagent.ports.store import Store

__all__ = ["postgresql_database", "tenant"]  # fixtures

READERS = [f"usr_{number}" for number in range(8)]


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = f"sqlite:///{tmp_path}/voiceagent.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_database")
    opened: Store = open_store(url)
    await opened.migrate()
    yield opened
    await opened.close()


async def test_who_holds_a_document_is_waited_for(store: Store, tenant: str) -> None:
    now = SystemClock().now()
    document = Document(
        "doc_1", "col_1", "Leave", "leave.txt", "text/plain", 7, "0" * 64, "ready", created_at=now, updated_at=now
    )
    async with store.begin(tenant) as unit:
        await unit.collections.put(Collection("col_1", "Documents", now))
        await unit.documents.put(document)

    async def name(reader: str) -> None:
        async with store.begin(tenant) as unit:
            held = await unit.documents.get("doc_1", hold=True)
            await asyncio.sleep(0.01)  # long enough for the others to read it, too, if they could
            await unit.documents.put(replace(read_by(held, held.reader_ids | {reader}), word_count=held.word_count + 1))

    await asyncio.gather(*map(name, READERS))
    async with store.begin(tenant, read_only=True) as unit:
        kept = await unit.documents.get("doc_1")
    assert (kept.reader_ids, kept.word_count) == (frozenset(READERS), len(READERS))
    async with store.begin(tenant) as unit:
        with pytest.raises(NotFound):
            await unit.documents.get("doc_2", hold=True)
