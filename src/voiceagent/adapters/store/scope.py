"""What every repository works on: one transaction, its tenant, and the statements that both databases understand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Insert, Table, and_, bindparam, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Executable

from voiceagent.adapters.store.faults import translated
from voiceagent.adapters.store.sealing.rows import RowSeal, no_keys
from voiceagent.domain.paging import Place
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem


class Scope:
    """A transaction of one tenant. After a failure of the database nothing more runs in it and it does not commit."""

    def __init__(self, connection: AsyncConnection, tenant_id: str, clock: Clock, seal: RowSeal | None = None) -> None:
        self.seal = seal
        self.tenant_id = tenant_id
        self.clock = clock
        self.dialect = connection.dialect.name
        self._connection = connection
        self._failure: Problem | None = None

    async def run(self, statement: Executable, **values: object) -> CursorResult[Any]:
        """Execute with `values`, and the tenant as `tenant_id`, for the parameters made by `param`."""
        return await self._execute(
            statement, {f"p_{name}": value for name, value in values.items()} | {"p_tenant_id": self.tenant_id}
        )

    async def put(self, statement: Executable, row: dict[str, Any]) -> bool:
        """Execute an INSERT of `row`, always for this tenant, its words sealed; whether anything was written."""
        if self.seal is not None and isinstance(statement, Insert):
            row = await self.seal.sealed(statement.table, row)  # type: ignore[arg-type] # we insert into tables alone
        return (await self._execute(statement, row | {"tenant_id": self.tenant_id})).rowcount > 0

    async def run_many(self, statement: Executable, rows: Sequence[dict[str, Any]]) -> None:
        """Execute once for each of `rows`, in one go."""
        tenant = {"p_tenant_id": self.tenant_id}
        await self._execute(statement, [{f"p_{name}": value for name, value in row.items()} | tenant for row in rows])

    async def _execute(self, statement: Executable, values: dict[str, Any] | list[dict[str, Any]]) -> CursorResult[Any]:
        self.raise_if_failed()
        try:
            return await self._connection.execute(statement, values)
        except Exception as failure:
            problem = translated(failure)
            self._failure = problem or Problem("internal", "a statement failed")
            if problem is None:
                raise
            raise problem from failure

    async def row(self, statement: Executable, **values: object) -> dict[str, Any] | None:
        row = (await self.run(statement, **values)).first()
        return None if row is None else await self._opened(row._asdict())

    async def rows(self, statement: Executable, **values: object) -> Sequence[dict[str, Any]]:
        return [await self._opened(row._asdict()) for row in await self.run(statement, **values)]

    async def _opened(self, row: dict[str, Any]) -> dict[str, Any]:
        if len(row) == 2 or row.get("row_key") is None:  # two: an id and its key, to be wrapped anew
            return row
        if self.seal is None:
            raise no_keys()
        return await self.seal.opened(row)

    async def changed(self, statement: Executable, **values: object) -> bool:
        return (await self.run(statement, **values)).rowcount > 0

    def raise_if_failed(self) -> None:
        """A swallowed error must not turn into a commit that stores half, or, on PostgreSQL, nothing."""
        if self._failure is not None:
            raise self._failure


def mine(table: Table, *names: str) -> ColumnElement[bool]:
    """The rows of the tenant whose columns `names` equal the values of the same name."""
    return and_(*(table.c[name] == param(name) for name in ("tenant_id", *names)))


def param(name: str, column: ColumnElement[Any] | None = None, *, expanding: bool = False) -> BindParameter[Any]:
    """The value given to `Scope.run` as `name`; typed as `column` where the expression around it does not tell.

    Prefixed, because SQLAlchemy keeps the plain names for columns that are set.
    """
    return bindparam(f"p_{name}", type_=None if column is None else column.type, expanding=expanding)


def follows(moment: ColumnElement[Any], row_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Of a list that is ordered by both, newest first: the rows that follow on the place given as in `placed`."""
    return tuple_(moment, row_id) < tuple_(param("before", moment), param("before_id", row_id))


def leads(moment: ColumnElement[Any], row_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """As `follows`, of a list that is ordered by both, oldest first."""
    return tuple_(moment, row_id) > tuple_(param("before", moment), param("before_id", row_id))


def placed(before: Place | None) -> dict[str, Any]:
    """The values of `follows` and `leads`; none for the first page."""
    return {} if before is None else {"before": before[0], "before_id": before[1]}


@cache
def upsert(dialect: str, table: Table) -> Executable:
    """Insert, or replace every other column of the row with the same primary key."""
    statement = _insert(dialect, table)
    keys = {column.name for column in table.primary_key}
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={column.name: statement.excluded[column.name] for column in table.c if column.name not in keys},
    )


@cache
def insert_new(dialect: str, table: Table) -> Executable:
    """Insert, or change nothing when any unique key is taken: rowcount tells which."""
    return _insert(dialect, table).on_conflict_do_nothing()


def _insert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=_Dataclass)


def restored(kind: type[T], data: Mapping[str, Any], **others: object) -> T:
    """A dataclass from stored values; names that this version does not know are dropped, absent ones take their default."""
    known = _names(kind)
    return kind(**{name: value for name, value in data.items() if name in known} | others)


@cache
def _names(kind: type[_Dataclass]) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(kind))
