"""Erasures of people; who uploaded a document; people's e-mail addresses may be sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from voiceagent.adapters.store.columns import Moment, Plain
from voiceagent.adapters.store.migrations.rules import force_row_security

revision = "0005"
down_revision = "0004"

_UPLOADERS = (
    "UPDATE documents SET uploaded_by = coalesce((SELECT subject FROM audit WHERE audit.tenant_id = documents.tenant_id "
    "AND audit.object_id = documents.document_id AND audit.action = 'document_added' ORDER BY audit.sequence DESC LIMIT 1), '')"
)


def upgrade() -> None:
    op.add_column("documents", sa.Column("uploaded_by", sa.String, nullable=False, server_default=""))
    op.add_column("users", sa.Column("row_key", sa.String, nullable=True))
    _told_by_the_audit_log()
    op.create_index("ix_documents_tenant_id_uploaded_by", "documents", ["tenant_id", "uploaded_by"])
    op.create_index("ix_conversations_tenant_id_user_id", "conversations", ["tenant_id", "user_id"])
    op.create_table(
        "erasures",
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("erasure_id", sa.String, nullable=False),
        sa.Column("subject_hmac", sa.String, nullable=False),
        sa.Column("requested_at", Moment, nullable=False),
        sa.Column("body", Plain, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "erasure_id", name="pk_erasures"),
        sa.UniqueConstraint("tenant_id", "subject_hmac", name="uq_erasures_tenant_id_subject_hmac"),
        sa.CheckConstraint("tenant_id <> ''", name="ck_erasures_tenant"),
    )
    op.create_index("ix_erasures_tenant_id_requested_at", "erasures", ["tenant_id", "requested_at"])
    force_row_security("erasures")


def downgrade() -> None:
    op.drop_table("erasures")
    op.drop_index("ix_conversations_tenant_id_user_id", "conversations")
    op.drop_index("ix_documents_tenant_id_uploaded_by", "documents")
    op.drop_column("users", "row_key")
    op.drop_column("documents", "uploaded_by")


def _told_by_the_audit_log() -> None:
    """Documents that are there already get the uploader of whom their audit record tells."""
    if op.get_bind().dialect.name != "postgresql":
        op.execute(_UPLOADERS)
        return
    for table in ("audit", "documents"):  # the owner sees every tenant's rows for once
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(_UPLOADERS)
    for table in ("audit", "documents"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
