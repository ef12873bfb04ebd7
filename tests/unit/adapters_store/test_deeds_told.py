"""Deeds on which others depend are events of the same transaction, whoever writes them into the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.events import DEEDS_TOLD
from voiceagent.kit.ids import new_id


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path}/voiceagent.db")
    await opened.migrate()
    yield opened
    await opened.close()


def entry(action: str) -> AuditEntry:
    return AuditEntry(new_id("aud"), datetime.now(UTC), "usr_a", action, f"about_{action}", data={"secret": "words"})


@pytest.mark.parametrize("action", sorted(DEEDS_TOLD))
async def test_a_deed_becomes_an_event_without_its_details(store: SqlStore, action: str) -> None:
    async with store.begin("ten_a") as work:
        await work.audit.append(entry(action))
    (event,) = await store.relay.due(10)
    assert (event.tenant_id, event.kind, event.subject_id, event.data) == ("ten_a", action, f"about_{action}", {})


async def test_other_deeds_and_those_that_were_rolled_back_are_no_events(store: SqlStore) -> None:
    async with store.begin("ten_a") as work:
        await work.audit.append(entry("signed_in"))
    with pytest.raises(RuntimeError):
        async with store.begin("ten_a") as work:
            await work.audit.append(entry("key_revoked"))
            raise RuntimeError
    assert await store.relay.depth() == 0
