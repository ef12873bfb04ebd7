"""A legal hold that comes after an erasure was asked for, on both databases: nothing more is removed, and that is told."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.test_privacy_routes import door
from tests.support.servers import fresh_database
from tests.unit.rights.test_erasure import TENANT, House, house

from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.erasure import Erasure
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import Conflict
from voiceagent.rights import sweep
from voiceagent.rights.holds import Holds, put_holds
from voiceagent.rights.worker import RightsWorker

BOTH = pytest.mark.parametrize("home", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    flags = {}
    if getattr(request, "param", "") == "postgresql":
        server = request.getfixturevalue("postgresql_url")
        flags["store.url"] = fresh_database(server, f"held_{secrets.token_hex(4)}")
    async with house(tmp_path, **flags) as opened:
        yield opened


async def hold(home: House, *people: Principal, everything: bool = False) -> None:
    names = frozenset(home.rights.names.of(TENANT, one.subject) for one in people)
    async with home.parts.store.begin(TENANT) as work:
        await put_holds(work, Holds(everything, names))


async def worked(home: House, erasure: Erasure) -> Erasure:
    while await RightsWorker(home.rights).run_one():
        pass
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        return await work.erasures.get(erasure.erasure_id)


async def left(home: House, person: Principal) -> tuple[int, int, int]:
    """How many conversations, documents and accounts of the person there are."""
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        conversations = await work.traces.conversations(person.subject, limit=500)
        documents = await work.traces.documents(person.subject, limit=500)
        accounts = [one for one in await work.users.all() if one.user_id == person.subject]
    return len(conversations), len(documents), len(accounts)


async def records(home: House) -> list[AuditEntry]:
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        entries = await work.audit.page(before_id=None, limit=50)
    return [one for one in reversed(entries) if one.action.startswith("erasure_")]


@BOTH
async def test_a_hold_after_the_request_stops_the_job_and_is_on_record(home: House) -> None:
    await home.person("owner")
    ann, bob = await home.person(), await home.person()
    for one in (ann, bob):
        await home.talks(one, "a word")
        await home.uploads(one, "harbour", read=False)
    asked = [await home.asked(one.subject) for one in (ann, bob)]
    await hold(home, ann)
    stopped, done = [await worked(home, one) for one in asked]
    assert (stopped.state, stopped.code, stopped.counts, stopped.certificate) == ("held", "legal_hold", {}, None)
    assert (done.state, done.code) == ("done", None)
    assert [await left(home, one) for one in (ann, bob)] == [(1, 1, 1), (0, 0, 0)]
    assert [one.erasure_id for one in await home.rights.tombstones.of(TENANT)] == [done.erasure_id]
    told = {(one.action, one.object_id): one.data for one in await records(home)}
    assert told["erasure_held", stopped.erasure_id] == {"subject_hmac": stopped.subject_hmac}
    assert ("erasure_completed", stopped.erasure_id) not in told
    async with door(home) as client:
        shown = (await client.get(f"/api/v1/privacy/erasures/{stopped.erasure_id}")).json()
        assert (shown["state"], shown["code"]) == ("held", "legal_hold")


async def test_a_hold_on_everything_stops_it_too(home: House) -> None:
    await home.person("owner")
    ann = await home.person()
    await home.talks(ann, "a word")
    asked = await home.asked(ann.subject)
    await hold(home, everything=True)
    assert (await worked(home, asked)).state == "held"
    assert await left(home, ann) == (1, 0, 1)


@BOTH
async def test_a_hold_in_the_middle_keeps_what_is_left(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.person("owner")
    ann = await home.person()
    for _ in range(3):
        await home.talks(ann, "a word")
    monkeypatch.setattr(sweep, "CONVERSATIONS_AT_A_TIME", 1)
    count = sweep.Sweep._count

    async def counted(self: sweep.Sweep, counts: dict[str, int]) -> None:
        await count(self, counts)
        await hold(home, ann)

    monkeypatch.setattr(sweep.Sweep, "_count", counted)
    stopped = await worked(home, await home.asked(ann.subject))
    assert (stopped.state, stopped.counts) == ("held", {"conversations": 1, "turns": 1})
    assert await left(home, ann) == (2, 0, 1)
    assert await home.rights.tombstones.of(TENANT) == (), "no restore goes on with it"


async def test_asked_again_once_the_hold_is_released_it_is_done(home: House) -> None:
    await home.person("owner")
    ann = await home.person()
    await home.talks(ann, "a word")
    asked = await home.asked(ann.subject)
    await hold(home, ann)
    assert (await worked(home, asked)).state == "held"
    with pytest.raises(Conflict) as refused:
        await home.asked(ann.subject)
    assert refused.value.code == "legal_hold"
    await hold(home)
    again = await home.asked(ann.subject)
    assert (again.erasure_id, again.state) == (asked.erasure_id, "queued")
    assert (await worked(home, again)).state == "done"
    assert await left(home, ann) == (0, 0, 0)
    actions = [one.action for one in await records(home)]
    assert actions == ["erasure_requested", "erasure_held", "erasure_requested", "erasure_completed"]


async def test_holds_that_older_data_brings_back_do_not_stop_what_was_carried_out(home: House) -> None:
    await home.person("owner")
    ann = await home.person()
    await home.talks(ann, "a word")
    name = home.rights.names.of(TENANT, ann.subject)
    carried_out = Erasure("ers_1", TENANT, name, (name,), "delete", home.parts.clock.now())
    await home.rights.tombstones.keep(carried_out.tombstone)
    await hold(home, ann)
    assert await RightsWorker(home.rights).replay() == 1
    assert await left(home, ann) == (0, 0, 0)
