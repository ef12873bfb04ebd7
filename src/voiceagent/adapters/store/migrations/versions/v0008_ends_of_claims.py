"""How claims of a job ended that its attempts do not count: given back, or lost with the worker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_COLUMNS = ("given_back", "lost")


def upgrade() -> None:
    for name in _COLUMNS:  # with a default: the release before inserts rows without them
        op.add_column("jobs", sa.Column(name, sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    for name in _COLUMNS:
        op.drop_column("jobs", name)
