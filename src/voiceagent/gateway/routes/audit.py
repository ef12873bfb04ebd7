"""/api/v1/audit: look through the audit log of the organisation, and take it along as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel
from starlette.responses import StreamingResponse

from voiceagent.domain.audit import AuditQuery, AuditRecord
from voiceagent.domain.identity import Principal
from voiceagent.gateway.deeds import deed
from voiceagent.gateway.parts import Gateway, gateway_of
from voiceagent.ports.store import Store
from voiceagent.web.app import Router
from voiceagent.web.auth import require

router: APIRouter = Router(prefix="/api/v1/audit", tags=["audit"])

Reader = Annotated[Principal, Depends(require("audit:read"))]
Parts = Annotated[Gateway, Depends(gateway_of)]
EXPORTED_AT_A_TIME = 500
_COLUMNS = (
    "sequence", "at", "subject", "action", "object_id", "request_id", "data", "entry_id", "previous_sha256", "sha256",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class AuditShown(BaseModel):
    """A record of the log. sha256 covers all of it and `previous_sha256`, the hash of the record numbered one less."""

    sequence: int
    at: datetime
    subject: str
    action: str
    object_id: str
    request_id: str
    data: dict[str, str | int | float | bool | None]
    entry_id: str
    previous_sha256: str
    sha256: str


class AuditPage(BaseModel):
    """Records, newest first. next_before: give it as `before` for those that follow; null at the end."""

    items: list[AuditShown]
    next_before: int | None


def wanted(
    subject: Annotated[str | None, Query(max_length=200)] = None,
    action: Annotated[str | None, Query(max_length=100)] = None,
    object_id: Annotated[str | None, Query(max_length=300)] = None,
    request_id: Annotated[str | None, Query(max_length=100)] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> AuditQuery:
    """Which records: those that equal what is given, from `since` on, before `until`."""
    return AuditQuery(subject, action, object_id, request_id, since, until)


Wanted = Annotated[AuditQuery, Depends(wanted)]
Before = Annotated[int | None, Query(ge=1, le=2**62)]


@router.get("")
async def search_audit(
    query: Wanted, caller: Reader, parts: Parts, before: Before = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> AuditPage:
    """The records that fit, newest first."""
    async with parts.store.begin(caller.tenant_id, may_lag=True) as work:
        records = await work.audit.find(query, before=before, limit=limit)
    next_before = records[-1].sequence if len(records) == limit else None
    return AuditPage(items=[AuditShown(**_shown(record)) for record in records], next_before=next_before)


@router.get("/export")
async def export_audit(
    query: Wanted, request: Request, caller: Reader, parts: Parts, format: Literal["jsonl", "csv"] = "jsonl"
) -> StreamingResponse:
    """All records that fit, newest first, as a file. That it was taken is itself a record, written before the first line is sent."""
    async with parts.store.begin(caller.tenant_id) as work:
        await work.audit.append(deed(request, "audit_exported", format))
    pages = _pages(parts.store, caller.tenant_id, query)
    body, media_type = (_csv(pages), "text/csv") if format == "csv" else (_json_lines(pages), "application/jsonl")
    headers = {"Content-Disposition": f'attachment; filename="audit.{format}"'}
    return StreamingResponse(body, media_type=media_type, headers=headers)


async def _pages(store: Store, tenant_id: str, query: AuditQuery) -> AsyncIterator[tuple[AuditRecord, ...]]:
    before: int | None = None
    while True:
        async with store.begin(tenant_id, may_lag=True) as work:
            records = await work.audit.find(query, before=before, limit=EXPORTED_AT_A_TIME)
        if records:
            yield records
        if len(records) < EXPORTED_AT_A_TIME:
            return
        before = records[-1].sequence


async def _json_lines(pages: AsyncIterator[tuple[AuditRecord, ...]]) -> AsyncIterator[str]:
    async for records in pages:
        yield "".join(json.dumps(_shown(one), default=_moment, ensure_ascii=False) + "\n" for one in records)


async def _csv(pages: AsyncIterator[tuple[AuditRecord, ...]]) -> AsyncIterator[str]:
    yield _csv_lines([_COLUMNS])
    async for records in pages:
        shown = [_shown(one) | {"at": _moment(one.entry.at), "data": json.dumps(one.entry.data)} for one in records]
        yield _csv_lines([_harmless(one[name]) for name in _COLUMNS] for one in shown)


def _csv_lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _harmless(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it, and then is text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _shown(record: AuditRecord) -> dict[str, object]:
    chain = {"sequence": record.sequence, "previous_sha256": record.previous_sha256, "sha256": record.sha256}
    return chain | asdict(record.entry)


def _moment(value: datetime) -> str:
    return value.isoformat()
