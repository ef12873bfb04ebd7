"""Tells whether an audit log is the one that was written: chain, places, and the anchors that were kept elsewhere. No storage, no keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from voiceagent.domain.audit import FIRST_PREVIOUS, AuditRecord, digest
from voiceagent.domain.trail import merkle

MARK_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the log of a tenant was at a moment: records `first` to `last`.

    head_sha256: hash of record `last`.  root_sha256: Merkle root over the hashes of these records.
    marks: the first 8 hexadecimal digits of each hash. The root tells that something differs, the marks tell where.
    """

    tenant_id: str
    first: int
    last: int
    head_sha256: str
    root_sha256: str
    marks: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """The first bad record of a tenant: `sequence` is the first number at which the log is not what was written.

    what: changed (its hash does not fit it), unlinked (it does not follow the one before), missing, extra (its number came before),
    replaced (not the record that was anchored), cut_off (records that were anchored are gone from the end).
    """

    tenant_id: str
    sequence: int
    what: str


def anchor_over(records: Sequence[AuditRecord], at: datetime) -> Anchor:
    """The anchor of these records of one tenant, which follow each other; at least one."""
    hashes = [record.sha256 for record in records]
    return Anchor(
        tenant_id=records[0].tenant_id,
        first=records[0].sequence,
        last=records[-1].sequence,
        head_sha256=hashes[-1],
        root_sha256=merkle.root([bytes.fromhex(one) for one in hashes]).hex(),
        marks="".join(one[:MARK_DIGITS] for one in hashes),
        at=at,
    )


class ChainCheck:
    """Reads the records of one tenant, oldest first, and stops at the first bad one. anchors: of the tenant, oldest first."""

    def __init__(self, tenant_id: str, anchors: Iterable[Anchor] = ()) -> None:
        self._tenant_id = tenant_id
        self._anchors = [anchor for anchor in anchors if anchor.tenant_id == tenant_id]
        self._next_anchor = 0
        self._hashes: list[str] = []  # since the last anchor that was reached
        self._previous = FIRST_PREVIOUS
        self._anchored = max((anchor.last for anchor in self._anchors), default=0)
        self.count = 0
        self.uncovered_since: datetime | None = None
        """When the first record was written that no anchor covers."""
        self.newest_at: datetime | None = None

    def read(self, records: Iterable[AuditRecord]) -> Finding | None:
        """The first bad one among these, which follow those read before."""
        for record in records:
            what = self._what_is_wrong(record)
            if what is not None:
                return Finding(self._tenant_id, self.count + 1, what)
            self.count, self._previous = self.count + 1, record.sha256
            self.newest_at = record.entry.at
            if self.count > self._anchored and self.uncovered_since is None:
                self.uncovered_since = record.entry.at
            if self._next_anchor < len(self._anchors):
                finding = self._compared(record)
                if finding is not None:
                    return finding
        return None

    def ended(self) -> Finding | None:
        """What is wrong when no record follows: anchored ones may be gone."""
        if self._next_anchor == len(self._anchors):
            return None
        return self._replaced(self._anchors[self._next_anchor], "cut_off")

    def _what_is_wrong(self, record: AuditRecord) -> str | None:
        expected = self.count + 1
        if record.sequence != expected:
            return "missing" if record.sequence > expected else "extra"
        if record.tenant_id != self._tenant_id:
            return "extra"
        if _digest(record) != record.sha256:
            return "changed"
        return None if record.previous_sha256 == self._previous else "unlinked"

    def _compared(self, record: AuditRecord) -> Finding | None:
        anchor = self._anchors[self._next_anchor]
        if record.sequence >= anchor.first:
            self._hashes.append(record.sha256)
        if record.sequence < anchor.last:
            return None
        is_whole = len(self._hashes) == anchor.last - anchor.first + 1
        root = merkle.root([bytes.fromhex(one) for one in self._hashes]).hex()
        if not is_whole or root != anchor.root_sha256 or record.sha256 != anchor.head_sha256:
            return self._replaced(anchor, "replaced")
        self._next_anchor += 1
        self._hashes.clear()
        return None

    def _replaced(self, anchor: Anchor, otherwise: str) -> Finding:
        """The first record that is not as its mark says; after them, the first that is not there."""
        marks = [anchor.marks[at : at + MARK_DIGITS] for at in range(0, len(anchor.marks), MARK_DIGITS)]
        for number, (found, mark) in enumerate(zip(self._hashes, marks, strict=False), start=anchor.first):
            if found[:MARK_DIGITS] != mark:
                return Finding(self._tenant_id, number, "replaced")
        sequence = self.count + 1 if otherwise == "cut_off" else anchor.first
        return Finding(self._tenant_id, sequence, otherwise)


def _digest(record: AuditRecord) -> str | None:
    """The hash that the record should have; None when it holds values that no record can have."""
    try:
        return digest(record.tenant_id, record.sequence, record.previous_sha256, record.entry)
    except (ValueError, TypeError, AttributeError):
        return None
