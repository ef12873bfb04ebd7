"""Rows as plain values that any database can take back, and the hash of a tenant's rows. No transactions."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, String, Table
from sqlalchemy.types import JSON, TypeEngine

from voiceagent.adapters.store.columns import Moment, Plain

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TYPES: dict[str, Any] = {
    "moment": Moment(),
    "json": Plain,
    "bool": Boolean(),
    "float": Float(),
    "int": BigInteger(),
    "text": String(),
}


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows of one table and one tenant. columns: name and kind.  Moments are microseconds since 1970; sealed columns stay sealed."""

    table: str
    tenant_id: str
    columns: tuple[tuple[str, str], ...]
    rows: list[list[Any]]

    def line(self) -> bytes:
        """One line of JSON."""
        told = {"table": self.table, "tenant": self.tenant_id, "columns": self.columns, "rows": self.rows}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def page_in(line: bytes) -> RowPage:
    """What `RowPage.line` wrote. Raises ValueError when it is not that."""
    try:
        told = json.loads(line)
        columns = tuple((str(name), str(kind)) for name, kind in told["columns"])
        return RowPage(str(told["table"]), str(told["tenant"]), columns, list(told["rows"]))
    except (KeyError, TypeError) as failure:
        raise ValueError("this is no page of rows") from failure


def kind_of(column: Column[Any]) -> str:
    """How the values of `column` are written."""
    kind: TypeEngine[Any] = column.type
    if isinstance(kind, Moment):
        return "moment"
    for name, known in (("json", JSON), ("bool", Boolean), ("float", Float), ("int", Integer)):
        if isinstance(kind, known):
            return name
    return "text"


def plain(kind: str, value: Any) -> Any:
    """`value` as a page holds it."""
    return (value - _EPOCH) // _MICROSECOND if kind == "moment" and value is not None else value


def stored(kind: str, value: Any) -> Any:
    """The reverse of `plain`."""
    return _EPOCH + value * _MICROSECOND if kind == "moment" and value is not None else value


def table_of(page: RowPage) -> Table:
    """The table as its rows were written, which may be older than the tables of this version."""
    return Table(page.table, MetaData(), *(Column(name, _TYPES[kind]) for name, kind in page.columns))


@dataclass(slots=True)
class ContentHash:
    """A hash of a tenant's rows that depends neither on their order nor on the database that keeps them."""

    rows: Counter[str] = field(default_factory=Counter)
    _sum: int = 0

    def add(self, page: RowPage) -> None:
        """Take in the rows of one page."""
        names = [name for name, _ in page.columns]
        for row in page.rows:
            told = [page.table, _whole(dict(zip(names, row, strict=True)))]
            digest = hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).digest()
            self._sum = (self._sum + int.from_bytes(digest)) % 2**256
        self.rows[page.table] += len(page.rows)

    def hex(self) -> str:
        """64 hexadecimal digits."""
        return f"{self._sum:064x}"


def _whole(value: Any) -> Any:
    """Databases give 2.0 back as 2, or the other way round; names that are absent and names that are None are the same."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items() if item is not None}
    return [_whole(item) for item in value] if isinstance(value, list) else value
