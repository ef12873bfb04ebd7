"""The trace that a caller began: what is read as one, what is handed on."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from voiceagent.kit.calls import trace, travel
from voiceagent.kit.tasks import TaskScope

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "parent", [f"00-{ID}-{SPAN}-01", f" 00-{ID}-{SPAN}-01", f"cc-{ID}-{SPAN}-01", f"cc-{ID}-{SPAN}-01-what-the-future-is-like"]
)  # fmt: skip
def test_a_parent_of_this_and_of_a_later_version_is_read(parent: str) -> None:
    assert trace.read(parent, "vendor=1") == trace.Trace(ID, "01", "vendor=1")


@pytest.mark.parametrize(
    "parent",
    [
        "",
        f"ff-{ID}-{SPAN}-01",
        f"00-{ID}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"00-{ID.upper()}-{SPAN}-01",
        f"00-{ID}-{SPAN}",
        f"00-{ID}-{SPAN}-01\r\nX: y",
    ],
)
def test_what_is_no_parent_is_no_trace(parent: str) -> None:
    assert trace.read(parent, "vendor=1") is None


def test_a_state_that_is_too_long_or_not_printable_is_dropped() -> None:
    for state in ("x" * 513, "a=\x00", "a=\xe4"):
        assert trace.read(f"00-{ID}-{SPAN}-00", state) == trace.Trace(ID, "00")


async def test_calls_of_a_task_go_out_in_its_trace_each_with_a_span_of_its_own() -> None:
    async def served() -> list[dict[str, str]]:
        trace.begin(trace.read(f"00-{ID}-{SPAN}-01", "vendor=1"))
        return [travel.departing() for _ in range(2)]

    one, other = await asyncio.create_task(served())
    for sent in (one, other):
        assert trace.read(sent[trace.TRACEPARENT], sent[trace.TRACESTATE]) == trace.Trace(ID, "01", "vendor=1")
    assert len({one[trace.TRACEPARENT], other[trace.TRACEPARENT], f"00-{ID}-{SPAN}-01"}) == 3
    assert travel.departing() == {}


async def test_a_task_apart_knows_nothing_of_the_request_that_started_it() -> None:
    told: list[object] = []

    async def upkeep() -> None:
        told.append((trace.current(), structlog.contextvars.get_contextvars()))

    async def served(scope: TaskScope) -> None:
        trace.begin(trace.Trace(ID, "01"))
        structlog.contextvars.bind_contextvars(request_id="req_1")
        await scope.start(upkeep(), name="upkeep", apart=True)
        await scope.start(upkeep(), name="part")

    await asyncio.create_task(served(TaskScope("test")))
    assert told == [(None, {}), (trace.Trace(ID, "01"), {"request_id": "req_1"})]
