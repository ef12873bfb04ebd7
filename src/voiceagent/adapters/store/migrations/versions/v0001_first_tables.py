"""The first tables: tenants, people and keys, conversations, documents, jobs, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from voiceagent.adapters.store.columns import Moment
from voiceagent.adapters.store.migrations.rules import WORKER, append_only, force_row_security, held, not_append_only

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("tenants", sa.Column("tenant_id", sa.String, primary_key=True), _text("name"), _at("created_at"))
    _people()
    _conversations()
    _documents()
    _work()


def downgrade() -> None:
    not_append_only("audit")
    for table in ("turns", "documents", "users", "api_keys", "settings", "agents", "conversations", "collections"):
        op.drop_table(table)
    for table in ("jobs", "outbox", "audit", "idempotency", "tenants"):
        op.drop_table(table)


def _people() -> None:
    _tenant_table(
        "users",
        "user_id",
        _text("email"),
        _text("email_key"),
        _text("role"),
        _text("password_hash"),
        _at("created_at"),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
    )
    force_row_security("users", also=held("email_key"))
    _tenant_table(
        "api_keys",
        "key_id",
        _text("user_id"),
        _text("name"),
        _text("prefix"),
        _text("secret_sha256"),
        _json("scopes"),
        _at("created_at"),
        _at("expires_at", nullable=True),
        _at("revoked_at", nullable=True),
        _at("last_used_at", nullable=True),
        sa.UniqueConstraint("secret_sha256", name="uq_api_keys_secret_sha256"),
    )
    force_row_security("api_keys", also=f"{held('secret_sha256')} OR {held('key_id')}")
    _tenant_table(
        "settings",
        "name",
        _json("value"),
        _at("updated_at"),
    )
    force_row_security("settings")


def _conversations() -> None:
    _tenant_table(
        "agents",
        "agent_id",
        _text("name"),
        _json("body"),
    )
    force_row_security("agents")
    _tenant_table(
        "conversations",
        "conversation_id",
        _text("agent_id"),
        _text("user_id"),
        _text("channel"),
        _text("title"),
        _at("created_at"),
        _at("updated_at"),
    )
    op.create_index("ix_conversations_tenant_id_updated_at", "conversations", ["tenant_id", "updated_at"])
    force_row_security("conversations")
    _tenant_table(
        "turns",
        "turn_id",
        _text("conversation_id"),
        _text("asked"),
        _text("answer"),
        _text("heard"),
        _text("state"),
        _at("created_at"),
        _json("timings"),
        _json("citations"),
        _json("usage"),
        _text("error_code", nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "conversation_id"],
            ["conversations.tenant_id", "conversations.conversation_id"],
            name="fk_turns_conversations",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_turns_tenant_id_conversation_id_created_at", "turns", ["tenant_id", "conversation_id", "created_at"]
    )
    force_row_security("turns")


def _documents() -> None:
    _tenant_table(
        "collections",
        "collection_id",
        _text("name"),
        _at("created_at"),
        _json("reader_ids"),
    )
    force_row_security("collections")
    _tenant_table(
        "documents",
        "document_id",
        _text("collection_id"),
        _text("title"),
        _text("file_name"),
        _text("media_type"),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        _text("blob_sha256"),
        _text("state"),
        _at("created_at"),
        _at("updated_at"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("progress", sa.Float, nullable=False),
        _text("failure_code", nullable=True),
        _text("failure_message", nullable=True),
        _text("kind"),
        sa.Column("kind_confidence", sa.Float, nullable=False),
        _text("language"),
        sa.Column("page_count", sa.Integer, nullable=False),
        sa.Column("word_count", sa.Integer, nullable=False),
        _json("metadata"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "collection_id"],
            ["collections.tenant_id", "collections.collection_id"],
            name="fk_documents_collections",
        ),
    )
    op.create_index("ix_documents_tenant_id_blob_sha256", "documents", ["tenant_id", "blob_sha256"])
    op.create_index(
        "ix_documents_tenant_id_collection_id_created_at", "documents", ["tenant_id", "collection_id", "created_at"]
    )
    op.create_index("ix_documents_tenant_id_created_at", "documents", ["tenant_id", "created_at"])
    force_row_security("documents")


def _work() -> None:
    _tenant_table(
        "jobs",
        "job_id",
        _text("kind"),
        _text("subject_id"),
        _json("payload"),
        _text("state"),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        _at("due_at"),
        _text("worker", nullable=True),
        _at("heartbeat_at", nullable=True),
        _text("idempotency_key", nullable=True),
        _text("error_code", nullable=True),
        _at("created_at"),
        _at("updated_at"),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_jobs_tenant_id_idempotency_key"),
    )
    op.create_index("ix_jobs_state_due_at", "jobs", ["state", "due_at"])
    force_row_security("jobs", also=WORKER)
    _tenant_table(
        "outbox",
        "event_id",
        _text("kind"),
        _text("subject_id"),
        _json("data"),
        _at("created_at"),
        _at("published_at", nullable=True),
    )
    op.create_index("ix_outbox_published_at_created_at", "outbox", ["published_at", "created_at"])
    force_row_security("outbox", also=WORKER)
    _tenant_table(
        "audit",
        "entry_id",
        _at("at"),
        _text("subject"),
        _text("action"),
        _text("object_id"),
        _text("request_id"),
        _json("data"),
    )
    force_row_security("audit")
    append_only("audit")
    _tenant_table(
        "idempotency",
        "request_key",
        _text("request_sha256"),
        sa.Column("status", sa.Integer, nullable=True),
        _json("response", nullable=True),
        _at("created_at"),
        _at("expires_at"),
    )
    op.create_index("ix_idempotency_expires_at", "idempotency", ["expires_at"])
    force_row_security("idempotency")


def _tenant_table(name: str, key: str, *parts: sa.Column[object] | sa.Constraint) -> None:
    op.create_table(
        name,
        sa.Column("tenant_id", sa.String, nullable=False),
        _text(key),
        *parts,
        sa.PrimaryKeyConstraint("tenant_id", key, name=f"pk_{name}"),
        sa.CheckConstraint("tenant_id <> ''", name=f"ck_{name}_tenant"),
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String, nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, Moment, nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=nullable)
