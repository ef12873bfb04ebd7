"""What data rights work on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from voiceagent.domain.erasure import DocumentPolicy, SubjectNames
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto_signing import Signer
from voiceagent.ports.keys import Keys
from voiceagent.ports.store import Store
from voiceagent.ports.vectors import VectorStore
from voiceagent.rights.recordings import Recordings
from voiceagent.rights.tombstones import Tombstones

EraseDocument = Callable[[str, str], Awaitable[None]]
"""Removes every copy of a document whose row is gone, given tenant and document. Idempotent."""


@dataclass(frozen=True, slots=True)
class RightsParts:
    """names: makes keyed hashes of subjects.  signer: signs certificates.  settle_s: after so long nobody acts on rights that were withdrawn.

    documents: what becomes of a person's documents unless the request says it.
    """

    store: Store
    tombstones: Tombstones
    recordings: Recordings
    names: SubjectNames
    signer: Signer
    erase_document: EraseDocument
    vectors: VectorStore
    keys: Keys | None = None
    clock: Clock = field(default_factory=SystemClock)
    settle_s: float = 6.0
    documents: DocumentPolicy = "delete"
