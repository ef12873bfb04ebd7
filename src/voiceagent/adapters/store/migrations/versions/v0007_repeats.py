"""Keys of repeated calls, and the answers that are given again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from voiceagent.adapters.store.columns import Moment, Plain, Words
from voiceagent.adapters.store.migrations.rules import force_row_security

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "repeats",
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("repeat_id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("holder", Words, nullable=False),
        sa.Column("held_until", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("answered", sa.Boolean, nullable=False),
        sa.Column("answer", Plain, nullable=True),
        sa.Column("row_key", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "repeat_id", name="pk_repeats"),
        sa.CheckConstraint("tenant_id <> ''", name="ck_repeats_tenant"),
    )
    op.create_index("ix_repeats_tenant_id_expires_at", "repeats", ["tenant_id", "expires_at"])
    force_row_security("repeats")


def downgrade() -> None:
    op.drop_table("repeats")
