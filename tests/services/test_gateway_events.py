"""/api/v1/events: dead letters of one's own organisation, and handing them out again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from tests.support.gateway_rig import Rig, gateway_rig

from voiceagent.adapters.bus import memory_log
from voiceagent.adapters.bus.memory_log import MemoryEventLog
from voiceagent.apps.events.courier import Courier
from voiceagent.domain.audit import AuditQuery
from voiceagent.domain.events import Event
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Unavailable

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Later(SystemClock):
    at_s = 0.0

    def monotonic_s(self) -> float:
        return self.at_s


@dataclass
class Letters:
    rig: Rig
    log: MemoryEventLog
    courier: Courier
    clock: Later
    handled: list[str]
    works: bool = False

    async def handle(self, event: Event) -> None:
        if not self.works:
            raise Unavailable("bus_unavailable", "no")
        self.handled.append(event.event_id)

    async def consume(self) -> None:
        await self.courier.consumed("notices", self.handle, "member", wait_s=0.05)


@pytest.fixture
async def letters() -> AsyncIterator[Letters]:
    clock = Later()
    log = MemoryEventLog(clock)

    async def event_log() -> MemoryEventLog:
        return log

    async with gateway_rig(event_log=event_log) as rig:
        made = Letters(rig, log, Courier(rig.store.relay, log, clock), clock, [])
        for tenant_id in ("ten_a", "ten_b"):
            async with rig.store.begin(tenant_id) as work:
                await work.outbox.add(Event(f"evt_{tenant_id}", tenant_id, "document_ready", "doc_1", NOW))
        await made.courier.published()
        for _ in range(memory_log.MAX_ATTEMPTS + 1):
            await made.consume()
            clock.at_s += memory_log.HELD_S + 1
        yield made


async def test_dead_letters_are_shown_to_their_own_organisation_and_handed_out_again(letters: Letters) -> None:
    rig = letters.rig
    _, owner = await rig.key()
    async with rig.client.get("/api/v1/events/dead", headers=owner) as answer:
        assert answer.status == 200, await answer.text()
        told = await answer.json()
    assert [(one["kind"], one["subject_id"]) for one in told["items"]] == [("document_ready", "doc_1")]
    assert told["waiting"] >= 2
    mark = told["items"][0]["mark"]
    theirs = next(one.mark for one in await letters.log.dead("notices", 10) if one.event.tenant_id == "ten_b")
    async with rig.client.post("/api/v1/events/revive", headers=owner, json={"marks": [theirs]}) as answer:
        assert answer.status == 404, "another organisation's"
    letters.works = True
    async with rig.client.post("/api/v1/events/revive", headers=owner, json={"marks": [mark, theirs]}) as answer:
        assert (answer.status, await answer.json()) == (200, {"revived": 1})
    await letters.consume()
    assert letters.handled == ["evt_ten_a"]
    async with rig.client.get("/api/v1/events/dead", headers=owner) as answer:
        assert (await answer.json())["items"] == []
    async with rig.store.begin("ten_a") as work:
        (record,) = await work.audit.find(AuditQuery(action="events_revived"), before=None, limit=5)
    assert record.entry.data == {"count": 1}


@pytest.mark.parametrize(("method", "path"), [("get", "/api/v1/events/dead"), ("post", "/api/v1/events/revive")])
async def test_who_may_not_see_settings_is_refused(letters: Letters, method: str, path: str) -> None:
    _, viewer = await letters.rig.key(role="viewer")
    async with letters.rig.client.request(method, path, headers=viewer, json={"marks": ["1"]}) as answer:
        assert answer.status == 403
