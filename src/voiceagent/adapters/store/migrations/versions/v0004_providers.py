"""Providers of language models that are added while the platform runs, and what tenants used of any provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from voiceagent.adapters.store.columns import Moment, Plain
from voiceagent.adapters.store.migrations.rules import force_row_security

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "providers",
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("provider_id", sa.String, nullable=False),
        sa.Column("body", Plain, nullable=False),
        sa.Column("api_key", sa.String, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("row_key", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "provider_id", name="pk_providers"),
        sa.CheckConstraint("tenant_id <> ''", name="ck_providers_tenant"),
    )
    op.create_table(
        "model_usage",
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("usage_id", sa.String, nullable=False),
        sa.Column("day", sa.String, nullable=False),
        sa.Column("provider", sa.String, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("calls", "prompt_tokens", "completion_tokens", "cost_nanos")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "usage_id", name="pk_model_usage"),
        sa.CheckConstraint("tenant_id <> ''", name="ck_model_usage_tenant"),
    )
    op.create_index("ix_model_usage_tenant_id_day", "model_usage", ["tenant_id", "day"])
    for table in ("providers", "model_usage"):
        force_row_security(table)


def downgrade() -> None:
    op.drop_table("model_usage")
    op.drop_table("providers")
