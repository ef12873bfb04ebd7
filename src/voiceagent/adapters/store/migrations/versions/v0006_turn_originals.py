"""What the pseudonyms of a turn stand for, sealed; it goes with the turn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from voiceagent.adapters.store.columns import Plain, Words
from voiceagent.adapters.store.migrations.rules import force_row_security

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "turn_originals",
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("turn_id", Words, nullable=False),
        sa.Column("originals", Plain, nullable=False),
        sa.Column("row_key", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "turn_id", name="pk_turn_originals"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "turn_id"],
            ["turns.tenant_id", "turns.turn_id"],
            name="fk_turn_originals_turns",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("tenant_id <> ''", name="ck_turn_originals_tenant"),
    )
    force_row_security("turn_originals")


def downgrade() -> None:
    op.drop_table("turn_originals")
