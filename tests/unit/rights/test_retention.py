"""rights/retention.py: what is old goes, what is held stays, and a clock that jumps empties nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.rights.test_erasure import TENANT, House, house

from voiceagent.domain.retention import Spent, after, permitted
from voiceagent.kit.errors import InvalidInput
from voiceagent.rights.holds import STATE, Holds, Retention, put_holds, put_retention
from voiceagent.rights.retention import RetentionWork, approved

DEFAULT = Retention()


class Moved:
    """A clock that stands `days` away from the real one."""

    def __init__(self, days: float) -> None:
        self.days = days

    def monotonic_s(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened:
        yield opened


async def look(home: House, days: float, default: Retention = DEFAULT) -> dict[str, int]:
    return await RetentionWork(replace(home.rights, clock=Moved(days)), default).look()


async def approve(home: House, data_class: str, count: int) -> None:
    async with home.parts.store.begin(TENANT) as work:
        state = await work.settings.get(STATE)
        await work.settings.put(STATE, approved(state, data_class, count, Moved(0).now().date()))


async def actions(home: House) -> list[str]:
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        return [entry.action for entry in await work.audit.page(before_id=None, limit=100)]


async def test_each_class_goes_when_it_is_due_and_not_before(home: House) -> None:
    ann = await home.person()
    await home.talks(ann, "word")
    recording = await home.is_recorded(ann, b"sound" * 10)
    document = await home.uploads(ann, "text")
    assert await look(home, 29) == {"transcripts": 0, "audio": 0, "documents": 0}
    assert await look(home, 31) == {"transcripts": 0, "audio": 1, "documents": 0}
    assert not recording.exists()
    assert await look(home, 366) == {"transcripts": 1, "audio": 0, "documents": 0}
    async with home.parts.store.begin(TENANT) as work:
        await put_retention(work, replace(DEFAULT, documents_days=400))
    assert await look(home, 401) == {"transcripts": 0, "audio": 0, "documents": 1}
    assert await home.finds("text") == 0
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert document not in [one.document_id for one in await work.documents.page(before=None, limit=5)]
        entries = [one for one in await work.audit.page(before_id=None, limit=50) if one.action == "retention_applied"]
    assert [one.data for one in entries] == [{"documents": 1}, {"transcripts": 1}, {"audio": 1}]


async def test_a_tenant_sets_its_own_days_within_reason(home: House) -> None:
    await home.talks(await home.person(), "word")
    async with home.parts.store.begin(TENANT) as work:
        await put_retention(work, Retention(transcripts_days=None))
    assert (await look(home, 30_000))["transcripts"] == 0
    async with home.parts.store.begin(TENANT) as work:
        with pytest.raises(InvalidInput):
            await put_retention(work, Retention(transcripts_days=0))
        await put_retention(work, Retention(transcripts_days=7))
    assert (await look(home, 8))["transcripts"] == 1


async def test_a_legal_hold_stops_it_for_one_person_or_for_all(home: House) -> None:
    ann, bob = await home.person(), await home.person()
    for person in (ann, bob):
        await home.talks(person, "word")
        await home.is_recorded(person, b"sound")
    async with home.parts.store.begin(TENANT) as work:
        await put_holds(work, Holds(everything=True))
    assert await look(home, 500) == {"transcripts": 0, "audio": 0, "documents": 0}
    async with home.parts.store.begin(TENANT) as work:
        await put_holds(work, Holds(names=frozenset({home.rights.names.of(TENANT, ann.subject)})))
    assert await look(home, 500) == {"transcripts": 1, "audio": 1, "documents": 0}
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert [one.user_id for one in await work.conversations.page(before=None, limit=5)] == [ann.subject]


async def test_a_clock_a_year_ahead_is_stopped_and_one_a_year_behind_removes_nothing(home: House) -> None:
    ann = await home.person()
    for _ in range(40):
        await home.talks(ann, "word")
    assert (await look(home, -366))["transcripts"] == 0
    assert (await look(home, 366))["transcripts"] == 0
    assert (await look(home, 366))["transcripts"] == 0
    assert (await actions(home)).count("retention_held_back") == 1
    await approve(home, "transcripts", 40)
    assert (await look(home, 366))["transcripts"] == 40


def test_a_day_has_one_share_however_the_clock_moves() -> None:
    today = datetime(2026, 5, 2, tzinfo=UTC).date()
    spent = Spent(today)
    assert permitted(5, 100, spent, today) == 5
    spent = after(5, spent, today)
    assert permitted(1, 95, spent, today) == 0
    assert permitted(1, 95, spent, today - timedelta(days=300)) == 0
    assert permitted(5, 95, spent, today + timedelta(days=1)) == 5
    assert permitted(6, 95, spent, today + timedelta(days=1)) == 0
    assert permitted(1, 1, Spent(today), today) == 1
    allowed = replace(spent, approved=6)
    assert permitted(6, 95, allowed, today) == 6
    assert after(6, allowed, today).approved == 0
