"""The erasure of a person: what was asked for, how far it is, what it removed; the tombstone that outlives it. No storage."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from voiceagent.domain.paging import Place

DocumentPolicy = Literal["delete", "keep"]
"""What becomes of documents that the person uploaded; those that are kept forget who it was."""

ErasureState = Literal["queued", "running", "done", "held"]
"""held: a legal hold came between the request and the end; what had not been removed by then stays."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """That a person was erased. names: keyed hashes of the ids under which they acted; none of it leads to them without the key."""

    tenant_id: str
    erasure_id: str
    names: tuple[str, ...]
    documents: DocumentPolicy
    at: datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure. subject_hmac: the keyed hash of whom.  step: what is being done.  progress: 0 to 1.

    counts: what was removed, by kind.  certificate: set when it is done; see `certificate_of`.
    is_replay: it was carried out before, and older data has brought the person back; holds of that older data do not stop it.
    """

    erasure_id: str
    tenant_id: str
    subject_hmac: str
    names: tuple[str, ...]
    documents: DocumentPolicy
    requested_at: datetime
    state: ErasureState = "queued"
    step: str = ""
    progress: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    finished_at: datetime | None = None
    certificate: dict[str, Any] | None = None
    is_replay: bool = False

    @property
    def code(self) -> str | None:
        """Why it ended without being done."""
        return "legal_hold" if self.state == "held" else None

    @property
    def place(self) -> Place:
        return self.requested_at, self.erasure_id

    @property
    def tombstone(self) -> Tombstone:
        return Tombstone(self.tenant_id, self.erasure_id, self.names, self.documents, self.requested_at)


class SubjectNames:
    """Keyed hashes of subjects: HMAC-SHA-256 under a key of the installation. Without the key neither made nor checked."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"voiceagent subjects", "sha256")

    def of(self, tenant_id: str, subject: str) -> str:
        """The name of a subject, 64 hexadecimal digits."""
        return hmac.new(self._key, f"{tenant_id}\0{subject}".encode(), hashlib.sha256).hexdigest()


def added(before: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Counts added up."""
    return {name: before.get(name, 0) + more.get(name, 0) for name in sorted({*before, *more})}


def certificate_of(erasure: Erasure, finished_at: datetime) -> dict[str, Any]:
    """What is signed: whom (a keyed hash), when, and how much of what was removed."""
    return {
        "kind": "voiceagent erasure certificate",
        "version": 1,
        "tenant_id": erasure.tenant_id,
        "erasure_id": erasure.erasure_id,
        "subject_hmac": erasure.subject_hmac,
        "documents": erasure.documents,
        "requested_at": erasure.requested_at.isoformat(),
        "finished_at": finished_at.isoformat(),
        "removed": dict(sorted(erasure.counts.items())),
    }


def signed_bytes(body: Mapping[str, Any]) -> bytes:
    """The bytes over which a certificate or tombstone is signed: JSON with sorted names, without blanks, in ASCII."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def packed(tombstone: Tombstone) -> dict[str, Any]:
    """The tombstone as plain values."""
    return asdict(tombstone) | {"names": list(tombstone.names), "at": tombstone.at.isoformat()}


def unpacked(told: Mapping[str, Any]) -> Tombstone:
    """What `packed` made. Raises ValueError, KeyError or TypeError when it is none."""
    policy: DocumentPolicy = "keep" if told["documents"] == "keep" else "delete"
    return Tombstone(
        str(told["tenant_id"]),
        str(told["erasure_id"]),
        tuple(str(name) for name in told["names"]),
        policy,
        datetime.fromisoformat(told["at"]),
    )
