"""Rows for every table of a database at whatever revision it is, and what they say, for tests of migrations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, MetaData, inspect, select
from sqlalchemy.engine import Connection

from voiceagent.adapters.store.tables import metadata

TENANTS = ("ten_a", "ten_b")
_BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ROWS = 3
Content = dict[str, list[str]]
"""By table: its rows as JSON, sorted."""


def fill(connection: Connection) -> None:
    """Some rows of two organisations into every table of the newest revision."""
    for table in metadata.sorted_tables:
        for tenant_id in TENANTS:
            rows = [_row(table, tenant_id, number) for number in range(1 if table.name == "tenants" else _ROWS)]
            connection.execute(table.insert(), rows)


def _row(table: Any, tenant_id: str, number: int) -> dict[str, object]:
    row = {column.name: _value(table, column, tenant_id, number) for column in table.columns}
    return row | {"tenant_id": tenant_id}


def _value(table: Any, column: Any, tenant_id: str, number: int) -> object:
    kind = column.type.python_type if hasattr(column.type, "python_type") else str
    if column.foreign_keys and column.name != "tenant_id":
        parent = next(iter(column.foreign_keys)).column
        return _value(parent.table, parent, tenant_id, number)
    type_name = type(column.type).__name__
    if type_name == "Moment":
        return _BEGAN + timedelta(seconds=number)
    if isinstance(column.type, JSON):
        return {"said": f"{table.name} {column.name} {number}", "unicode": "Grüße 👋"}
    if kind is bool:
        return number % 2 == 0
    if kind is float:
        return number / 2
    if kind is int:
        return number + 1
    if column.name == "row_key":
        return None
    return f"{column.name}-{tenant_id}-{table.name if column.primary_key else ''}-{number}"


def columns_of(connection: Connection) -> dict[str, set[str]]:
    """The columns of every table there is."""
    seen = inspect(connection)
    return {
        name: {one["name"] for one in seen.get_columns(name)}
        for name in seen.get_table_names()
        if name != "alembic_version"
    }


def content(connection: Connection, columns: dict[str, set[str]]) -> Content:
    """What the tables say in these columns, without order."""
    found = MetaData()
    found.reflect(connection, only=sorted(columns))
    return {
        name: sorted(
            json.dumps([_plain(value) for value in row], ensure_ascii=False)
            for row in connection.execute(select(*(found.tables[name].c[one] for one in sorted(names))))
        )
        for name, names in sorted(columns.items())
    }


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.dumps(json.loads(value), sort_keys=True, ensure_ascii=False)
        except ValueError:
            return value
    return value


def digest(told: Content, leaving: Iterable[str] = ()) -> str:
    """One hash over all of it."""
    kept = {name: rows for name, rows in told.items() if name not in set(leaving)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
