"""gateway/denials.py: each refusal for a missing right is one record, and who keeps trying does not fill the log."""

from __future__ import annotations

from tests.support.gateway_rig import gateway_rig

from voiceagent.gateway.denials import MOST_A_MINUTE, Denials
from voiceagent.kit.clock import SystemClock


async def test_a_refused_call_is_one_record_with_what_was_missing() -> None:
    async with gateway_rig() as rig:
        _, headers = await rig.key(role="viewer")
        answer = await rig.client.get("/api/v1/audit", headers=headers)
        assert answer.status == 403
        proxied = await rig.client.get("/api/v1/conversations", headers=headers)
        assert proxied.status == 403
        async with rig.store.begin("ten_a", read_only=True) as work:
            found = await work.audit.page(before_id=None, limit=10)
        assert [(one.action, one.data["scope"]) for one in found] == [
            ("access_denied", "conversations:read"),
            ("access_denied", "audit:read"),
        ]
        assert {one.request_id for one in found} == {answer.headers["x-request-id"], proxied.headers["x-request-id"]}


async def test_a_caller_who_keeps_trying_writes_no_more_than_the_bound_and_others_still_do() -> None:
    async with gateway_rig() as rig:
        (_, eager), (_, other) = await rig.key(role="viewer"), await rig.key(role="viewer")
        for _ in range(MOST_A_MINUTE + 5):
            assert (await rig.client.get("/api/v1/audit", headers=eager)).status == 403
        assert (await rig.client.get("/api/v1/audit", headers=other)).status == 403
        async with rig.store.begin("ten_a", read_only=True) as work:
            assert len(await work.audit.page(before_id=None, limit=50)) == MOST_A_MINUTE + 1


def test_what_was_left_out_is_told_in_the_next_minute() -> None:
    class Ticking(SystemClock):
        at_s = 0.0

        def monotonic_s(self) -> float:
            return self.at_s

    clock = Ticking()
    denials = Denials(None, clock)  # type: ignore[arg-type] # the store is not asked here
    taken = [denials._taken(("ten", "usr")) for _ in range(MOST_A_MINUTE + 3)]
    assert taken == [0] * MOST_A_MINUTE + [None] * 3
    clock.at_s = 61.0
    assert denials._taken(("ten", "usr")) == 3
    assert denials._taken(("ten", "usr")) == 0
