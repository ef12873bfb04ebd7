"""/api/v1/audit: who may read it, what can be looked for, and files that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.gateway_rig import Rig, gateway_rig

from voiceagent.domain.audit import AuditEntry
from voiceagent.gateway.routes import audit

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with gateway_rig() as made:
        yield made


async def filled(rig: Rig, tenant_id: str, count: int) -> None:
    async with rig.store.begin(tenant_id) as work:
        for number in range(count):
            at = START + timedelta(minutes=number)
            action = "key_created" if number % 2 else "signed_in"
            entry = AuditEntry(
                f"aud_{number:03}", at, f"user_{number % 3}", action, f"=cmd|{number}", "-req", {"n": number}
            )
            await work.audit.append(entry)


async def got(rig: Rig, headers: dict[str, str], **params: Any) -> dict[str, Any]:
    async with rig.client.get("/api/v1/audit", headers=headers, params=params) as answer:
        assert answer.status == 200, await answer.text()
        page: dict[str, Any] = await answer.json()
        return page


async def test_records_are_paged_newest_first_and_looked_for(rig: Rig) -> None:
    _, reader = await rig.key()
    await filled(rig, "ten_a", 10)
    first = await got(rig, reader, limit=4)
    rest = await got(rig, reader, limit=200, before=first["next_before"])
    numbers = [one["sequence"] for one in first["items"] + rest["items"]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == len(set(numbers)) >= 10
    assert rest["next_before"] is None
    found = await got(rig, reader, subject="user_1", action="key_created")
    assert [one["data"]["n"] for one in found["items"]] == [7, 1]
    found = await got(
        rig, reader, since=(START + timedelta(minutes=3)).isoformat(), until=(START + timedelta(minutes=5)).isoformat()
    )
    assert [one["data"]["n"] for one in found["items"]] == [4, 3]
    assert (await got(rig, reader, object_id="=cmd|2"))["items"][0]["entry_id"] == "aud_002"
    assert (await got(rig, reader, request_id="nobody"))["items"] == []


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 201}, {"before": 0}, {"since": "2026-01-01T00:00:00"}, {"format": "xls"}]
)
async def test_what_cannot_be_looked_for_is_refused(rig: Rig, params: dict[str, Any]) -> None:
    _, reader = await rig.key()
    path = "/api/v1/audit/export" if "format" in params else "/api/v1/audit"
    async with rig.client.get(path, headers=reader, params=params) as answer:
        assert answer.status == 422


@pytest.mark.parametrize("path", ["/api/v1/audit", "/api/v1/audit/export"])
async def test_only_who_may_read_the_log_reads_it(rig: Rig, path: str) -> None:
    _, other = await rig.key(role="operator")
    async with rig.client.get(path, headers=other) as answer:
        assert answer.status == 403
    async with rig.client.get(path) as answer:
        assert answer.status == 401


async def test_the_log_of_another_organisation_is_never_shown(rig: Rig) -> None:
    _, reader = await rig.key()
    await filled(rig, "ten_b", 3)
    page = await got(rig, reader)
    assert not [one for one in page["items"] if one["object_id"].startswith("=cmd")]
    async with rig.client.get("/api/v1/audit/export", headers=reader) as answer:
        assert "=cmd" not in await answer.text()


async def test_an_export_is_whole_and_is_itself_a_record(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "EXPORTED_AT_A_TIME", 4)
    _, reader = await rig.key()
    await filled(rig, "ten_a", 11)
    async with rig.client.get("/api/v1/audit/export", headers=reader, params={"action": "key_created"}) as answer:
        lines = [json.loads(line) for line in (await answer.text()).splitlines()]
        assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    assert [one["data"]["n"] for one in lines if one["object_id"].startswith("=cmd")] == [9, 7, 5, 3, 1]
    newest = (await got(rig, reader, limit=1))["items"][0]
    assert (newest["action"], newest["object_id"]) == ("audit_exported", "jsonl")


async def test_no_cell_of_the_csv_is_a_formula(rig: Rig) -> None:
    _, reader = await rig.key()
    await filled(rig, "ten_a", 3)
    async with rig.client.get("/api/v1/audit/export", headers=reader, params={"format": "csv"}) as answer:
        rows = list(csv.DictReader(io.StringIO(await answer.text())))
    assert [row["object_id"] for row in rows if row["entry_id"].startswith("aud_00")] == [
        "'=cmd|2",
        "'=cmd|1",
        "'=cmd|0",
    ]
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
