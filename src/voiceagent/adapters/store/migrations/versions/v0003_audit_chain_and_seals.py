"""Audit records bound into a chain; rows whose words may be sealed, with the wrapped key of the row."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

from voiceagent.adapters.store.columns import Moment, Plain
from voiceagent.adapters.store.migrations.rules import append_only, force_row_security, not_append_only
from voiceagent.domain.audit import AuditEntry, AuditRecord, chained

revision = "0003"
down_revision = "0002"

_SEALED = ("turns", "conversations", "documents", "second_factors")
_ENTRY = ("entry_id", "at", "subject", "action", "object_id", "request_id", "data")


def upgrade() -> None:
    for table in _SEALED:
        op.add_column(table, sa.Column("row_key", sa.String, nullable=True))
    entries = _taken_out()
    _made(
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("previous_sha256", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.UniqueConstraint("tenant_id", "sequence", name="uq_audit_tenant_id_sequence"),
    )
    _put_back(_rows(entries))


def downgrade() -> None:
    entries = _taken_out()
    _made()
    _put_back(dataclasses.asdict(entry) | {"tenant_id": tenant_id} for tenant_id, entry in entries)
    for table in reversed(_SEALED):
        op.drop_column(table, "row_key")


def _taken_out() -> list[tuple[str, AuditEntry]]:
    """Every entry, oldest first; the table is gone afterwards."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE audit NO FORCE ROW LEVEL SECURITY")  # the owner sees every tenant's rows for once
    table = sa.table("audit", sa.column("tenant_id"), *_columns())
    found = op.get_bind().execute(sa.select(table).order_by(table.c.tenant_id, table.c.entry_id))
    rows = [row._asdict() for row in found]
    not_append_only("audit")
    op.drop_table("audit")
    return [(row.pop("tenant_id"), AuditEntry(**row)) for row in rows]


def _made(*parts: sa.Column[object] | sa.Constraint) -> None:
    op.create_table(
        "audit",
        sa.Column("tenant_id", sa.String, nullable=False),
        *(sa.Column(column.name, column.type, nullable=False) for column in _columns()),
        *parts,
        sa.PrimaryKeyConstraint("tenant_id", "entry_id", name="pk_audit"),
        sa.CheckConstraint("tenant_id <> ''", name="ck_audit_tenant"),
    )


def _columns() -> list[sa.ColumnClause[object]]:
    types: dict[str, Any] = {"at": Moment(), "data": Plain}
    return [sa.column(name, types.get(name, sa.String())) for name in _ENTRY]


def _put_back(rows: Iterable[dict[str, object]]) -> None:
    given = list(rows)
    if given:
        table = sa.table("audit", *(sa.column(name) for name in given[0] if name not in _ENTRY), *_columns())
        op.get_bind().execute(table.insert(), given)
    force_row_security("audit")
    append_only("audit")


def _rows(entries: Iterable[tuple[str, AuditEntry]]) -> Iterable[dict[str, object]]:
    newest: dict[str, AuditRecord] = {}
    for tenant_id, entry in entries:
        record = newest[tenant_id] = chained(tenant_id, newest.get(tenant_id), entry)
        place = {"sequence": record.sequence, "previous_sha256": record.previous_sha256, "sha256": record.sha256}
        yield dataclasses.asdict(entry) | place | {"tenant_id": tenant_id}
