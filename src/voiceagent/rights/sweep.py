"""Carries out an erasure: every copy of what a person left, again and again until nothing more turns up, then the certificate."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.erasure import Erasure, added, certificate_of, signed_bytes
from voiceagent.kit.ids import new_id
from voiceagent.kit.retry import retried
from voiceagent.ports.store import UnitOfWork
from voiceagent.rights.holds import refuse_held
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.recordings import removed

CONVERSATIONS_AT_A_TIME = 100
DOCUMENTS_AT_A_TIME = 20
SCRUB_S = 60.0
SUBJECT = "service:privacy"

Wait = Callable[[float], Awaitable[None]]


class Sweep:
    """One erasure. It may die between any two steps: the next one starts over and finds less."""

    def __init__(self, parts: RightsParts, erasure: Erasure, *, wait: Wait = asyncio.sleep) -> None:
        self._parts = parts
        self._erasure = erasure
        self._wait = wait

    @property
    def erasure(self) -> Erasure:
        """As far as it has come."""
        return self._erasure

    async def run(self) -> Erasure:
        """The erasure as it is when nothing is left. The tombstone is durable before the first row goes.

        What is under way while rights end (a call, an upload, a document that is being read) leaves its last traces within `settle_s`: looked
        for once more after that. Raises Problem when a part does not answer; then it must be run again. Raises Conflict `legal_hold`
        when one has come meanwhile: looked for in each transaction that removes, and before what lies outside of the database.
        """
        await self._refuse_held()
        await self._parts.tombstones.keep(self._erasure.tombstone)
        while True:
            await self._show("removing", 0.1)
            found = await self._everything()
            age_s = (self._parts.clock.now() - self._erasure.requested_at).total_seconds()
            if not found and age_s >= self._parts.settle_s:
                break
            await self._wait(max(0.0, self._parts.settle_s - age_s))
        await self._show("overwriting", 0.9)
        await retried(lambda: self._parts.vectors.scrub(self._erasure.tenant_id), within_s=SCRUB_S)
        await retried(self._parts.store.scrub, within_s=SCRUB_S)
        return self._certified()

    async def _everything(self) -> int:
        tenant_id = self._erasure.tenant_id
        async with self._parts.store.begin(tenant_id, read_only=True) as work:
            known = await work.traces.subjects()
        subjects = {one for one in known if self._parts.names.of(tenant_id, one) in self._erasure.names}
        recorded = await asyncio.to_thread(self._parts.recordings.all, tenant_id)
        subjects |= {
            one.about.subject
            for one in recorded
            if self._parts.names.of(tenant_id, one.about.subject) in self._erasure.names
        }
        before = sum(self._erasure.counts.values())
        for subject in sorted(subjects):
            for step in (self._conversations, self._documents, self._recordings, self._identity):
                await step(subject)
        return sum(self._erasure.counts.values()) - before

    async def _conversations(self, subject: str) -> None:
        while True:
            counts = {"conversations": 0, "turns": 0}
            async with self._removing() as work:
                for one in await work.traces.conversations(subject, limit=CONVERSATIONS_AT_A_TIME):
                    counts["turns"] += (await work.conversations.get(one)).turn_count
                    counts["conversations"] += await work.conversations.delete(one)
            if not counts["conversations"]:
                return
            await self._count(counts)
            await self._show("conversations", 0.3)

    async def _documents(self, subject: str) -> None:
        """Copies, row, copies: after a crash the row still leads here, and a worker that was reading the file may have written meanwhile."""
        if self._erasure.documents == "keep":
            return
        while True:
            async with self._removing(read_only=True) as work:
                found = await work.traces.documents(subject, limit=DOCUMENTS_AT_A_TIME)
            for document in found:
                await self._refuse_held()
                await self._parts.erase_document(self._erasure.tenant_id, document.document_id)
                async with self._parts.store.begin(self._erasure.tenant_id) as work:
                    was_there = await work.documents.delete(document.document_id)
                await self._parts.erase_document(self._erasure.tenant_id, document.document_id)
                await self._count({"documents": int(was_there)})
            if not found:
                return
            await self._show("documents", 0.6)

    async def _recordings(self, subject: str) -> None:
        for one in await asyncio.to_thread(self._parts.recordings.of, self._erasure.tenant_id, subject):
            await self._refuse_held()
            await self._count({"recordings": int(await asyncio.to_thread(removed, one.folder))})

    async def _identity(self, subject: str) -> None:
        async with self._removing() as work:
            disowned = await work.traces.disown(subject)
            counts = await work.traces.forget(subject)
        await self._count(counts | {"mentions": disowned})

    @asynccontextmanager
    async def _removing(self, *, read_only: bool = False) -> AsyncIterator[UnitOfWork]:
        """A transaction that removes something, or that looks before something outside of the database is. Raises Conflict `legal_hold`."""
        async with self._parts.store.begin(self._erasure.tenant_id, read_only=read_only) as work:
            if not self._erasure.is_replay:
                await refuse_held(work, *self._erasure.names)
            yield work

    async def _refuse_held(self) -> None:
        async with self._removing(read_only=True):
            pass

    async def _count(self, counts: dict[str, int]) -> None:
        self._erasure = replace(self._erasure, counts=added(self._erasure.counts, counts))

    async def _show(self, step: str, progress: float) -> None:
        progress = max(progress, self._erasure.progress)
        self._erasure = replace(self._erasure, state="running", step=step, progress=progress)
        async with self._parts.store.begin(self._erasure.tenant_id) as work:
            await work.erasures.put(self._erasure)

    def _certified(self) -> Erasure:
        now = self._parts.clock.now()
        body = certificate_of(self._erasure, now)
        signature = base64.b64encode(self._parts.signer.sign(signed_bytes(body))).decode()
        signed = {"body": body, "public_key": self._parts.signer.public_hex, "signature": signature}
        return replace(self._erasure, state="done", step="", progress=1.0, finished_at=now, certificate=signed)


def held_back(erasure: Erasure, at: datetime) -> AuditEntry:
    """The audit record of an erasure that a legal hold has stopped: how much was removed before, and the keyed hash of whom."""
    data: dict[str, str | int | float | bool | None] = {"subject_hmac": erasure.subject_hmac, **erasure.counts}
    return AuditEntry(new_id("aud"), at, SUBJECT, "erasure_held", erasure.erasure_id, data=data)


def completion(erasure: Erasure) -> AuditEntry:
    """The audit record of an erasure that is done: how much, and the keyed hash of whom."""
    at = erasure.finished_at or erasure.requested_at
    data: dict[str, str | int | float | bool | None] = {"subject_hmac": erasure.subject_hmac, **erasure.counts}
    return AuditEntry(new_id("aud"), at, SUBJECT, "erasure_completed", erasure.erasure_id, data=data)
