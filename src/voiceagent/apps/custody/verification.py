"""Checks the audit log of every tenant against its chain and its anchors. Reads only; works on a copy as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from voiceagent.domain.audit import AuditRecord
from voiceagent.domain.trail.check import Anchor, ChainCheck, Finding
from voiceagent.ports.store import Store, UnitOfWork

RECORDS_AT_A_TIME = 5_000
EXPECTED_WITHIN_S = 120.0
"""Twice the longest time between two looks of the anchoring: a record that is older has an anchor where the platform runs."""
_BELOW_ALL = -(2**62)


@dataclass(frozen=True, slots=True)
class TenantReport:
    """One tenant's log. records: read, all of them when there is no finding.  anchored: the number of the last anchored record.

    unanchored: records that no anchor covers, the first of them written at `unanchored_since`; the newest record at `newest_at`.
    """

    tenant_id: str
    records: int
    anchored: int
    finding: Finding | None
    unanchored: int = 0
    unanchored_since: datetime | None = None
    newest_at: datetime | None = None

    def lacks_anchors(self, now: datetime | None) -> bool:
        """Whether a running platform would have anchored, by `now`, what no anchor covers. now: None for the moment of the newest record, in a copy."""
        until = now or self.newest_at
        since = self.unanchored_since
        return since is not None and until is not None and until - since > timedelta(seconds=EXPECTED_WITHIN_S)


async def verify(store: Store, anchors: Sequence[Anchor]) -> tuple[TenantReport, ...]:
    """A report on each tenant that the database or an anchor knows, with the first bad record if there is one."""
    known = [tenant.tenant_id for tenant in await store.directory.tenants()]
    wanted = dict.fromkeys([*known, *(anchor.tenant_id for anchor in anchors)])
    return tuple([await _report(store, tenant_id, anchors) for tenant_id in wanted])


async def _report(store: Store, tenant_id: str, anchors: Sequence[Anchor]) -> TenantReport:
    check = ChainCheck(tenant_id, anchors)
    anchored = max((anchor.last for anchor in anchors if anchor.tenant_id == tenant_id), default=0)
    async with store.begin(tenant_id, read_only=True) as work:
        finding = await _checked(work, check, tenant_id)
    uncovered = max(check.count - anchored, 0)
    return TenantReport(tenant_id, check.count, anchored, finding, uncovered, check.uncovered_since, check.newest_at)


async def _checked(work: UnitOfWork, check: ChainCheck, tenant_id: str) -> Finding | None:
    """The first finding. After the first page each begins with the record read last, so that no second one of its number hides between pages."""
    last: AuditRecord | None = None
    page = RECORDS_AT_A_TIME
    while True:
        after, overlap = (last.sequence - 1, 1) if last else (_BELOW_ALL, 0)
        try:
            records = await work.audit.records(after=after, limit=page + overlap)
        except (ValueError, TypeError, ArithmeticError):  # a value that is none of its column's kind
            if page == 1:
                return Finding(tenant_id, check.count + 1, "changed")
            page = 1  # find out which one
            continue
        if last is not None and records[:1] == (last,):
            records = records[1:]
        if not records:
            return check.ended()
        finding = check.read(records)
        if finding is not None:
            return finding
        last = records[-1]
