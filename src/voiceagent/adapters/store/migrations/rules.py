"""Rules that a table gets besides its columns: row security on PostgreSQL, refusal of change for append-only tables."""

from __future__ import annotations

from alembic import op

_TENANT = "tenant_id = nullif(current_setting('app.tenant', true), '')"


def force_row_security(table: str, *, also: str = "") -> None:
    """Show and accept only rows of the transaction's tenant, even to the table's owner. also: a condition that shows more rows."""
    if op.get_bind().dialect.name != "postgresql":
        return
    condition = f"{_TENANT} OR {also}" if also else _TENANT
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({condition}) WITH CHECK ({condition})")


def held(column: str) -> str:
    """The row whose `column` the caller named to the directory: whoever knows the value may see that one row."""
    return f"{column} = nullif(current_setting('app.directory', true), '')"


WORKER = "current_setting('app.worker', true) = 'on'"
"""A worker claims the jobs of every tenant."""


def append_only(table: str) -> None:
    """Refuse every UPDATE and DELETE, whoever asks."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def not_append_only(table: str) -> None:
    """Take back `append_only`, before the table is dropped."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {table}_is_append_only ON {table}")
        op.execute(f"DROP FUNCTION {table}_is_append_only()")
        return
    for change in ("update", "delete"):
        op.execute(f"DROP TRIGGER {table}_refuses_{change}")
