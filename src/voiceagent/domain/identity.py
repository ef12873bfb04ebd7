"""Who calls and what they may do. Permissions are scopes; roles are named sets of scopes."""

from __future__ import annotations

import unicodedata
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
    "privacy:write",  # erasures, exports of people's data, retention, legal holds
    "pii:reveal",  # turn pseudonyms back
)

ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset(SCOPES),
    "admin": frozenset(SCOPES) - {"settings:write", "pii:reveal"},
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
    """A person. password_hash is Argon2id in PHC form; "" until an invitation is accepted, and then no password fits.

    epoch: raised whenever everything that was issued to this person must end (password, role, standing).
    """

    user_id: str
    tenant_id: str
    email: str
    role: str
    password_hash: str
    created_at: datetime
    disabled: bool = False
    epoch: int = 0


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


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of one person. Good while nobody ended it, its time lasts, and its epoch is still the person's.

    method: password | oidc.
    """

    session_id: str
    user_id: str
    epoch: int
    method: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

    def stands(self, user: User, now: datetime) -> bool:
        return self.ended_at is None and now < self.expires_at and self.epoch == user.epoch


@dataclass(frozen=True, slots=True)
class Grant:
    """A secret that was handed out for one purpose: only its SHA-256 is kept.

    kind: refresh | cookie | invitation | reset.  session_id: the session that it belongs to, "" for none.
    """

    secret_sha256: str
    tenant_id: str
    kind: str
    user_id: str
    session_id: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A named set of scopes that a tenant made for itself, beside ROLES."""

    name: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A person's authenticator app. secret: base 32.  last_step: the newest time step whose code was used; no code works twice.

    recovery_sha256s: codes that work once each when the app is lost.
    """

    user_id: str
    secret: str
    confirmed_at: datetime | None = None
    last_step: int = 0
    recovery_sha256s: tuple[str, ...] = ()


def scopes_of(role: str, custom: tuple[CustomRole, ...] = ()) -> frozenset[str]:
    """What a role may do; nothing when there is no such role. The built-in ones cannot be redefined."""
    if role in ROLES:
        return ROLES[role]
    return next((one.scopes for one in custom if one.name == role), frozenset())


def email_key(email: str) -> str:
    """The e-mail as it is compared: one Unicode form, without case and outer blanks."""
    return unicodedata.normalize("NFKC", email).casefold().strip()
