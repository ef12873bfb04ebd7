"""Sessions, handed-out secrets, own roles, second factors, links to identity providers; the epoch of a person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from voiceagent.adapters.store.columns import Moment, Plain
from voiceagent.adapters.store.migrations.rules import force_row_security, held

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("users", sa.Column("epoch", sa.Integer, nullable=False, server_default="0"))
    _sessions()
    _grants()
    _tenant_table("roles", "name", sa.Column("scopes", Plain, nullable=False))
    _tenant_table(
        "second_factors",
        "user_id",
        _text("secret"),
        _at("confirmed_at", nullable=True),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("recovery_sha256s", Plain, nullable=False),
    )
    _tenant_table("identity_links", "external_sha256", _text("user_id"), _at("created_at"))
    for table in ("sessions", "roles", "second_factors", "identity_links"):
        force_row_security(table)
    force_row_security("grants", also=held("secret_sha256"))


def downgrade() -> None:
    for table in ("sessions", "grants", "roles", "second_factors", "identity_links"):
        op.drop_table(table)
    with op.batch_alter_table("users") as users:
        users.drop_column("epoch")


def _sessions() -> None:
    _tenant_table(
        "sessions",
        "session_id",
        _text("user_id"),
        sa.Column("epoch", sa.Integer, nullable=False),
        _text("method"),
        _at("created_at"),
        _at("expires_at"),
        _at("ended_at", nullable=True),
    )
    op.create_index("ix_sessions_tenant_id_user_id", "sessions", ["tenant_id", "user_id"])


def _grants() -> None:
    _tenant_table(
        "grants",
        "secret_sha256",
        _text("kind"),
        _text("user_id"),
        _text("session_id"),
        _at("created_at"),
        _at("expires_at"),
        _at("used_at", nullable=True),
        sa.UniqueConstraint("secret_sha256", name="uq_grants_secret_sha256"),
    )
    op.create_index("ix_grants_tenant_id_user_id", "grants", ["tenant_id", "user_id"])


def _tenant_table(name: str, key: str, *parts: sa.Column[object] | sa.Constraint) -> None:
    op.create_table(
        name,
        sa.Column("tenant_id", sa.String, nullable=False),
        _text(key),
        *parts,
        sa.PrimaryKeyConstraint("tenant_id", key, name=f"pk_{name}"),
        sa.CheckConstraint("tenant_id <> ''", name=f"ck_{name}_tenant"),
    )


def _text(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.String, nullable=False)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, Moment, nullable=nullable)
