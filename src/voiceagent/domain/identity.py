"""Who calls and what they may do. Permissions are scopes; roles are named sets of scopes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

DEFAULT_TENANT_ID = "ten_default"

SCOPES = (
    "talk",  # hold conversations by voice or text, use the /v1 data plane
    "conversations:read",
    "conversations:write",
    "documents:read",
    "documents:write",
    "agents:read",
    "agents:write",
    "users:read",
    "users:write",
    "keys:read",
    "keys:write",
    "settings:read",
    "settings:write",
    "metrics:read",
    "audit:read",
)

ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset(SCOPES),
    "admin": frozenset(SCOPES) - {"settings:write"},
    "operator": frozenset(
        {"talk", "conversations:read", "conversations:write", "documents:read", "documents:write", "agents:read"}
        | {"agents:write", "metrics:read", "settings:read"}
    ),
    "analyst": frozenset({"conversations:read", "documents:read", "agents:read", "metrics:read"}),
    "viewer": frozenset({"talk", "agents:read", "documents:read"}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `subject` is a user id, a key id, or `service:<name>`; `scopes` is what this call may do."""

    tenant_id: str
    subject: str
    scopes: frozenset[str]
    kind: str = "key"  # key | user | service

    def may(self, scope: str) -> bool:
        return scope in self.scopes


@dataclass(frozen=True, slots=True)
class User:
    """A person. password_hash is Argon2id in PHC form."""

    user_id: str
    tenant_id: str
    email: str
    role: str
    password_hash: str
    created_at: datetime
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as stored: never the secret, only its SHA-256 in hexadecimal. `prefix` is shown so that people can tell keys apart."""

    key_id: str
    tenant_id: str
    user_id: str
    name: str
    prefix: str
    secret_sha256: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation: nothing crosses from one to another."""

    tenant_id: str
    name: str
    created_at: datetime
