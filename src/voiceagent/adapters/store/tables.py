"""The tables as this version expects them. How a database gets there stands in migrations/; a test holds the two together.

Every table of a tenant begins its primary key with tenant_id, so that each look-up is one range of one tenant.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from voiceagent.adapters.store.columns import Moment, Plain, Words

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _tenant_table(name: str, key: str, *parts: Column[Any] | ForeignKeyConstraint | UniqueConstraint | Index) -> Table:
    return Table(
        name,
        metadata,
        Column("tenant_id", String, primary_key=True),
        Column(key, Words, primary_key=True),
        *parts,
        CheckConstraint("tenant_id <> ''", name="tenant"),
    )


def _text(name: str) -> Column[Any]:
    return Column(name, Words, nullable=False)


def _count(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False)


def _row_key() -> Column[Any]:
    """The key of what is sealed in this row, wrapped by a key of the tenant; none when nothing is."""
    return Column("row_key", String)


def _at(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Moment, nullable=nullable)


tenants = Table("tenants", metadata, Column("tenant_id", String, primary_key=True), _text("name"), _at("created_at"))

users = _tenant_table(
    "users",
    "user_id",
    _text("email"),
    _text("email_key"),  # as it is compared: normalised, without case; a keyed hash of that where e-mails are sealed
    _text("role"),
    _text("password_hash"),
    _at("created_at"),
    Column("disabled", Boolean, nullable=False),
    Column("epoch", Integer, nullable=False, server_default="0"),
    _row_key(),
    UniqueConstraint("email_key"),
)

sessions = _tenant_table(
    "sessions",
    "session_id",
    _text("user_id"),
    _count("epoch"),
    _text("method"),
    _at("created_at"),
    _at("expires_at"),
    _at("ended_at", nullable=True),
    Index(None, "tenant_id", "user_id"),
)

grants = _tenant_table(
    "grants",
    "secret_sha256",
    _text("kind"),
    _text("user_id"),
    _text("session_id"),
    _at("created_at"),
    _at("expires_at"),
    _at("used_at", nullable=True),
    UniqueConstraint("secret_sha256"),
    Index(None, "tenant_id", "user_id"),
)

roles = _tenant_table("roles", "name", Column("scopes", Plain, nullable=False))

second_factors = _tenant_table(
    "second_factors",
    "user_id",
    _text("secret"),
    _at("confirmed_at", nullable=True),
    Column("last_step", BigInteger, nullable=False),
    Column("recovery_sha256s", Plain, nullable=False),
    _row_key(),
)

identity_links = _tenant_table("identity_links", "external_sha256", _text("user_id"), _at("created_at"))

api_keys = _tenant_table(
    "api_keys",
    "key_id",
    _text("user_id"),
    _text("name"),
    _text("prefix"),
    _text("secret_sha256"),
    Column("scopes", Plain, nullable=False),
    _at("created_at"),
    _at("expires_at", nullable=True),
    _at("revoked_at", nullable=True),
    _at("last_used_at", nullable=True),
    UniqueConstraint("secret_sha256"),
)

agents = _tenant_table("agents", "agent_id", _text("name"), Column("body", Plain, nullable=False))

conversations = _tenant_table(
    "conversations",
    "conversation_id",
    _text("agent_id"),
    _text("user_id"),
    _text("channel"),
    _text("title"),
    _at("created_at"),
    _at("updated_at"),
    _row_key(),
    Index(None, "tenant_id", "updated_at"),
    Index(None, "tenant_id", "user_id"),
)

turns = _tenant_table(
    "turns",
    "turn_id",
    _text("conversation_id"),
    _text("asked"),
    _text("answer"),
    _text("heard"),
    _text("state"),
    _at("created_at"),
    Column("timings", Plain, nullable=False),
    Column("citations", Plain, nullable=False),
    Column("usage", Plain, nullable=False),  # model, prompt_tokens, completion_tokens
    Column("error_code", Words),
    _row_key(),
    ForeignKeyConstraint(
        ["tenant_id", "conversation_id"],
        ["conversations.tenant_id", "conversations.conversation_id"],
        ondelete="CASCADE",
    ),
    Index(None, "tenant_id", "conversation_id", "created_at"),
)

collections = _tenant_table(
    "collections", "collection_id", _text("name"), _at("created_at"), Column("reader_ids", Plain, nullable=False)
)

documents = _tenant_table(
    "documents",
    "document_id",
    _text("collection_id"),
    _text("title"),
    _text("file_name"),
    _text("media_type"),
    Column("size_bytes", BigInteger, nullable=False),
    _text("blob_sha256"),
    _text("state"),
    _at("created_at"),
    _at("updated_at"),
    _count("version"),
    Column("progress", Float, nullable=False),
    Column("failure_code", Words),
    Column("failure_message", Words),
    _text("kind"),
    Column("kind_confidence", Float, nullable=False),
    _text("language"),
    _count("page_count"),
    _count("word_count"),
    Column("metadata", Plain, nullable=False),
    Column("uploaded_by", Words, nullable=False, server_default=""),
    _row_key(),
    Column("open_version", Integer),  # the version that names no readers: they stand among what is sealed
    ForeignKeyConstraint(["tenant_id", "collection_id"], ["collections.tenant_id", "collections.collection_id"]),
    Index(None, "tenant_id", "created_at"),
    Index(None, "tenant_id", "collection_id", "created_at"),
    Index(None, "tenant_id", "blob_sha256"),
    Index(None, "tenant_id", "uploaded_by"),
)

jobs = _tenant_table(
    "jobs",
    "job_id",
    _text("kind"),
    _text("subject_id"),
    Column("payload", Plain, nullable=False),
    _text("state"),
    _count("attempt"),
    _count("max_attempts"),
    Column("given_back", Integer, nullable=False, server_default="0"),
    Column("lost", Integer, nullable=False, server_default="0"),
    _at("due_at"),  # while running: when the lease ends, so that one index finds what may be claimed
    Column("worker", Words),
    _at("heartbeat_at", nullable=True),
    Column("idempotency_key", Words),
    Column("error_code", Words),
    _at("created_at"),
    _at("updated_at"),
    UniqueConstraint("tenant_id", "idempotency_key"),
    Index(None, "state", "due_at"),
)

outbox = _tenant_table(
    "outbox",
    "event_id",
    _text("kind"),
    _text("subject_id"),
    Column("data", Plain, nullable=False),
    _at("created_at"),
    _at("published_at", nullable=True),
    Index(None, "published_at", "created_at"),
)

turn_originals = _tenant_table(
    "turn_originals",
    "turn_id",
    Column("originals", Plain, nullable=False),
    _row_key(),
    ForeignKeyConstraint(["tenant_id", "turn_id"], ["turns.tenant_id", "turns.turn_id"], ondelete="CASCADE"),
)
"""What the pseudonyms of a turn stand for, always sealed; it goes with the turn."""

repeats = _tenant_table(
    "repeats",
    "repeat_id",
    _text("user_id"),
    _text("holder"),
    _at("held_until"),
    _at("expires_at"),
    Column("answered", Boolean, nullable=False),
    Column("answer", Plain),
    _row_key(),
    Index(None, "tenant_id", "expires_at"),
)
"""Calls that may be repeated: who holds the key, then the answer, sealed."""

audit = _tenant_table(
    "audit",
    "entry_id",
    _at("at"),
    _text("subject"),
    _text("action"),
    _text("object_id"),
    _text("request_id"),
    Column("data", Plain, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("previous_sha256", String, nullable=False),
    Column("sha256", String, nullable=False),
    UniqueConstraint("tenant_id", "sequence"),
)

erasures = _tenant_table(
    "erasures",
    "erasure_id",
    _text("subject_hmac"),
    _at("requested_at"),
    Column("body", Plain, nullable=False),
    UniqueConstraint("tenant_id", "subject_hmac"),
    Index(None, "tenant_id", "requested_at"),
)

idempotency = _tenant_table(
    "idempotency",
    "request_key",
    _text("request_sha256"),
    Column("status", Integer),
    Column("response", Plain),
    _at("created_at"),
    _at("expires_at"),
    Index(None, "expires_at"),
)

settings = _tenant_table("settings", "name", Column("value", Plain, nullable=False), _at("updated_at"))

providers = _tenant_table(
    "providers",
    "provider_id",
    Column("body", Plain, nullable=False),
    _text("api_key"),
    _at("updated_at"),
    _row_key(),
)

model_usage = _tenant_table(
    "model_usage",
    "usage_id",
    _text("day"),
    _text("provider"),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("calls", "prompt_tokens", "completion_tokens", "cost_nanos")
    ),
    Index(None, "tenant_id", "day"),
)

TENANT_TABLES: tuple[str, ...] = tuple(table.name for table in metadata.sorted_tables if table is not tenants)
"""Every table whose rows belong to a tenant; PostgreSQL forces row security on each. `tenants` itself is read before one is known."""
