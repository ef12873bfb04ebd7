"""Notes, every few seconds, what the audit log of each tenant is: an anchor outside the database over the records since the last one."""

from __future__ import annotations

import asyncio

import structlog

from voiceagent.apps.build import opened
from voiceagent.apps.custody.signing import audit_signer
from voiceagent.apps.parts import Parts
from voiceagent.domain.trail.check import anchor_over
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Conflict, Problem
from voiceagent.ports.audit import Anchors
from voiceagent.ports.store import Store

_log = structlog.get_logger(__name__)

EVERY_S = 5.0
PER_TENANT_S = 0.05
"""A look at a tenant costs about a millisecond: this keeps looking below 2 % of the time, however many there are."""
LONGEST_S = 60.0
MOST_RECORDS = 1_000


async def start_anchoring(parts: Parts) -> None:
    """Anchor until the process ends, and once more when it drains. Of several processes with one file, one does it."""
    settings = parts.settings
    try:
        anchors: Anchors = await opened(
            "anchors", settings.url("anchors"), signer=audit_signer(settings), clock=parts.clock
        )
    except Conflict:
        _log.info("audit_anchored_elsewhere")
        return
    parts.background(keep_anchoring(parts.store, anchors, parts.clock), name="audit_anchoring")
    parts.at_drain(lambda: _at_the_end(parts.store, anchors, parts.clock))


async def _at_the_end(store: Store, anchors: Anchors, clock: Clock) -> None:
    try:
        async with asyncio.timeout(EVERY_S):
            await anchor_all(store, anchors, clock)
    except (Problem, TimeoutError) as failure:
        _log.warning("audit_not_anchored", error=type(failure).__name__)


async def keep_anchoring(store: Store, anchors: Anchors, clock: Clock) -> None:
    """Anchor until cancelled. A database or disk that refuses is tried again at the next look."""
    while True:
        tenants = 0
        try:
            tenants = await anchor_all(store, anchors, clock)
        except Problem as problem:
            _log.warning("audit_not_anchored", code=problem.code)
        await asyncio.sleep(min(max(EVERY_S, PER_TENANT_S * tenants), LONGEST_S))


async def anchor_all(store: Store, anchors: Anchors, clock: Clock) -> int:
    """Anchor what is new in every tenant's log; how many tenants there are."""
    tenants = await store.directory.tenants()
    for tenant in tenants:
        while await _anchored(store, anchors, tenant.tenant_id, clock):
            pass
    return len(tenants)


async def _anchored(store: Store, anchors: Anchors, tenant_id: str, clock: Clock) -> bool:
    """Anchor up to MOST_RECORDS; whether there may be more. A log that is not the anchored one is told, and never anchored."""
    last = await anchors.last(tenant_id)
    after = last.last - 1 if last else 0  # with the last anchored record: it must still be the one that was anchored
    async with store.begin(tenant_id, read_only=True) as work:
        records = await work.audit.records(after=after, limit=MOST_RECORDS + 1)
    if last is not None:
        if not records or (records[0].sequence, records[0].sha256) != (last.last, last.head_sha256):
            _log.error("audit_log_replaced", tenant_id=tenant_id, sequence=last.last)
            return False
        records = records[1:]
    records = records[:MOST_RECORDS]
    if not records:
        return False
    anchor = anchor_over(records, clock.now())
    try:
        await anchors.keep(anchor)
    except Conflict:
        return True  # the look of the drain and the one that was under way met: the other has anchored these
    _log.info(
        "audit_anchored",
        tenant_id=tenant_id,
        sequence=anchor.last,
        head_sha256=anchor.head_sha256,
        root_sha256=anchor.root_sha256,
    )
    return len(records) == MOST_RECORDS
