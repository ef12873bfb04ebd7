"""Which version of a document everybody may read who may read its collection: its own readers stand among what is sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("documents", sa.Column("open_version", sa.Integer, nullable=True))  # none: not known, each is asked


def downgrade() -> None:
    op.drop_column("documents", "open_version")
