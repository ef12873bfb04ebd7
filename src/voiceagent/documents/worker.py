"""Claims jobs and carries them through, under a lease that is kept alive. A worker may die between any two steps: the next one starts over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from voiceagent.documents.access.rights import rights_of
from voiceagent.documents.ingest import Ingest
from voiceagent.documents.jobs import numbers
from voiceagent.documents.jobs.anew import index_anew
from voiceagent.documents.jobs.lanes import LANES, Lanes
from voiceagent.documents.jobs.orders import ingest_job
from voiceagent.documents.parts import ERASE, INGEST, MODEL_KEY, DocumentParts, as_now, is_of_model
from voiceagent.documents.retrieval.loss import lost_collections
from voiceagent.documents.sandbox import ParseFailed, ReaderStarved
from voiceagent.documents.service import erase
from voiceagent.documents.sweep import Sweeper, remove_older
from voiceagent.domain.document import Document
from voiceagent.domain.events import Event
from voiceagent.domain.job import Job
from voiceagent.kit.errors import Conflict, Misconfigured, NotFound, Problem
from voiceagent.kit.ids import new_id
from voiceagent.kit.retry import retried
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.leases import leased
from voiceagent.ports.store import UnitOfWork

_log = structlog.get_logger(__name__)

LEASE_S = 30.0
_IDLE_S = 0.5
_STOP_S = 2.0
_RETRY_S = (2.0, 15.0, 60.0)
_STARVED_ATTEMPTS = 2
PARK_S = 600.0
_PARKED_S = 0.5
_PATIENCE = timedelta(days=1)
"""So long a document waits for servers that are away, or refuse us, without its attempts being counted."""
_AWAY_PAUSE = timedelta(seconds=30)
_RECONCILE_S = 300.0
_SWEEP_S = 900.0
_STALE = timedelta(minutes=10)
_PROGRESS_STEP = 0.05
_PAGE = 200
_OPEN_STATES = ("queued", "parsing", "embedding")


class DocumentWorker:
    """Runs jobs, at most `lanes` at a time."""

    def __init__(
        self, parts: DocumentParts, *, name: str | None = None, poll_s: float = _IDLE_S, lanes: int = LANES
    ) -> None:
        self._parts = parts
        self._ingest = Ingest(parts)
        self._name = name or new_id("worker")
        self._poll_s = poll_s
        self._lanes = lanes
        self._moved = False
        self._sweeper = Sweeper(parts)

    async def run(self) -> None:
        """Work until cancelled, on several jobs at a time. Those under way are then given back, so that others take them at once."""
        lanes = Lanes(self._lanes)
        jobs = TaskScope("document-jobs")
        jobs.start(self._reconciling(), name="reconcile")
        jobs.start(self._sweep(), name="sweep")
        jobs.start(numbers.counting(self._parts.store.queue, (INGEST, ERASE)), name="counting")
        try:
            while True:
                await lanes.wait()
                job = None
                try:
                    job = await self._claim(but_of=lanes.full_of, suspects=lanes.takes_suspects)
                    if job is None and self._moved:  # perhaps that was the last one of another model
                        self._moved = False
                        await self.reconcile()
                except Problem as problem:  # the store is away: nothing can be done but wait for it
                    _log.warning("worker_waits", code=problem.code)
                if job is None:
                    lanes.free()
                    await asyncio.sleep(self._poll_s)
                else:
                    lanes.give(job)
                    jobs.start(self._in_lane(lanes, job), name=job.job_id)
        finally:
            await jobs.close(within_s=_STOP_S)

    async def run_one(self) -> bool:
        """Claim one job and finish it, one way or another; False when there was none."""
        job = await self._claim()
        if job is not None:
            await self._carried(job)
        return job is not None

    async def _claim(self, *, but_of: tuple[str, ...] = (), suspects: bool = True) -> Job | None:
        return await self._parts.store.queue.claim(
            (INGEST, ERASE), worker=self._name, lease_s=LEASE_S, but_of=but_of, suspects=suspects
        )

    async def _in_lane(self, lanes: Lanes, job: Job) -> None:
        try:
            await self._carried(job, park_s=PARK_S)
        finally:
            lanes.end(job)

    async def _carried(self, job: Job, *, park_s: float = 0.0) -> None:
        """Do the job. Where a server that it needs does not answer, it waits here for `park_s`, and costs no attempt."""
        work = partial(self._told, self._ingest_one if job.kind == INGEST else self._erase_one, [])
        try:
            async with leased(self._parts.store, job, LEASE_S):
                await retried(lambda: work(job), within_s=park_s, first_delay_s=_PARKED_S)
            numbers.ended(job.kind, "done")
        except Conflict as conflict:
            if conflict.code != "lease_lost":
                raise
            _log.info("lease_lost", job_id=job.job_id)
        except Problem as problem:
            await self._put_back(job, problem)
        except Exception as error:  # noqa: BLE001 - the boundary of a job: one that fails must not stop the worker
            _log.error("job_broke", job_id=job.job_id, kind=job.kind, error=type(error).__name__)
            await self._postpone(job, "internal")

    async def reconcile(self) -> None:
        """Find documents whose jobs were lost or given up, that another model has indexed, or whose index is gone, and put that right.

        Searches move to the model of today when every document of the tenant has it, but for those that cannot be indexed again.
        """
        spaces = self._parts.spaces
        for tenant in await self._parts.store.directory.tenants():
            stored: Counter[str] = Counter()
            moving, samples = False, dict[str, Document]()
            async for document in self._documents(tenant.tenant_id):
                if document.state in _OPEN_STATES:
                    await self._revive(tenant.tenant_id, document)
                elif document.state == "ready":
                    stored[str(document.metadata.get(MODEL_KEY, ""))] += 1
                    if is_of_model(document, spaces.current):
                        samples[document.collection_id] = document
                    else:
                        moving |= await self._moves(tenant.tenant_id, document)
            async with self._parts.store.begin(tenant.tenant_id) as work:
                gone = await spaces.settle(work, [name for name, _ in stored.most_common()], moving=moving)
            for space in gone:
                await self._parts.vectors.drop(tenant.tenant_id, space)
            await self._index_anew(tenant.tenant_id, await lost_collections(self._parts, tenant.tenant_id, samples))

    async def _index_anew(self, tenant_id: str, lost: tuple[str, ...]) -> None:
        """Have every ready document of these collections indexed from its stored text."""
        if not lost:
            return
        async for document in self._documents(tenant_id):
            if document.state == "ready" and document.collection_id in lost:
                await self._enqueue(tenant_id, document, f"lost:{document.updated_at.isoformat()}", from_text=True)

    async def _moves(self, tenant_id: str, document: Document) -> bool:
        """Whether the document is about to be indexed with the model of today: False once its job was given up."""
        reason = f"model:{self._parts.spaces.current}:{document.updated_at.isoformat()}"
        job = await self._enqueue(tenant_id, document, reason, from_text=True)
        return job.state in ("queued", "running")

    async def _reconciling(self) -> None:
        """Beside the jobs: one that starts anew must not go through every document there is before it takes the first of them."""
        while True:
            try:
                await self.reconcile()
            except Problem as problem:
                _log.info("reconcile_waits", code=problem.code)
            await asyncio.sleep(_RECONCILE_S)

    async def _sweep(self) -> None:
        """Every quarter of an hour, remove files that no document has."""
        while True:
            try:
                for tenant in await self._parts.store.directory.tenants():
                    await self._sweeper.sweep(tenant.tenant_id)
            except Problem as problem:  # the next time will do
                _log.info("sweep_waits", code=problem.code)
            await asyncio.sleep(_SWEEP_S)

    async def _ingest_one(self, job: Job) -> None:
        document = await self._current(job)
        if document is None:
            await self._finish_without(job)
            return
        if document.state != "ready":
            document = replace(document, state="parsing", progress=0.0)
            await self._show(job.tenant_id, document)
        shown = 0.0

        async def progress(known: Document, share: float) -> None:
            nonlocal shown
            if share - shown >= _PROGRESS_STEP and known.state != "ready":
                shown = share
                await self._show(job.tenant_id, replace(known, state="embedding", progress=round(share, 3)))

        try:
            from_text = bool(job.payload.get("from_text"))
            ready = await self._ingest.run(job.tenant_id, document, progress, from_text=from_text)
        except ParseFailed as failure:
            if isinstance(failure, ReaderStarved) and job.tries < _STARVED_ATTEMPTS:
                await self._postpone(job, failure.code)
            else:
                await self._fail(job, failure.code, failure.message)
            return
        await self._publish_ready(job, ready)

    async def _publish_ready(self, job: Job, ready: Document) -> None:
        superseded, other_rights, before = False, False, ""
        told = self._event(job.tenant_id, "document_ready", ready.document_id)
        async with self._parts.store.begin(job.tenant_id) as work:
            try:
                now = await work.documents.get(ready.document_id, hold=True)
                superseded = now.version != ready.version
                other_rights = not superseded and rights_of(now) != rights_of(ready)
            except NotFound:
                now, superseded = ready, True
            if not superseded and not other_rights:
                await self._parts.spaces.begin(work)
                await work.documents.put(as_now(ready, now))
                before = str(now.metadata.get(MODEL_KEY, ""))
                await work.outbox.add(told)
            if not other_rights:
                await work.jobs.complete(job)
        if other_rights:
            if not await index_anew(self._parts, job, ready):
                await self._publish_ready(job, ready)
            return
        if superseded and now is ready:  # it was deleted while it was being read
            await erase(self._parts, job.tenant_id, ready.document_id)
            await self._parts.vectors.scrub(
                job.tenant_id
            )  # perhaps by the erasure of a person, which did not wait for this
            return
        if not superseded:
            self._moved |= bool(before) and not is_of_model(ready, before)
            await remove_older(self._parts, job.tenant_id, ready)
            await self._tell(told)

    async def _erase_one(self, job: Job) -> None:
        async with self._parts.store.begin(job.tenant_id, read_only=True) as work:
            try:
                await work.documents.get(job.subject_id)
            except NotFound:
                exists = False
            else:
                exists = True
        if not exists:
            await erase(self._parts, job.tenant_id, job.subject_id)
        told = self._event(job.tenant_id, "document_erased", job.subject_id)
        async with self._parts.store.begin(job.tenant_id) as work:
            await work.outbox.add(told)
            await work.jobs.complete(job)
        await self._tell(told)

    async def _current(self, job: Job) -> Document | None:
        """The document of the job; None when it is gone or a newer version has taken its place."""
        async with self._parts.store.begin(job.tenant_id, read_only=True) as work:
            try:
                document = await work.documents.get(job.subject_id)
            except NotFound:
                return None
        return document if document.version == job.payload.get("version") else None

    async def _finish_without(self, job: Job) -> None:
        async with self._parts.store.begin(job.tenant_id) as work:
            await work.jobs.complete(job)

    async def _show(self, tenant_id: str, document: Document) -> None:
        """Write state and progress, unless the document was deleted or replaced meanwhile."""
        async with self._parts.store.begin(tenant_id) as work:
            try:
                now = await work.documents.get(document.document_id, hold=True)
            except NotFound:
                return
            if now.version == document.version and now.state != "ready":
                await work.documents.put(
                    replace(now, state=document.state, progress=document.progress, updated_at=self._parts.clock.now())
                )

    async def _fail(self, job: Job, code: str, message: str) -> None:
        """The file is at fault: trying again would not help. A ready document that cannot be read again stays ready."""
        told = self._event(job.tenant_id, "document_failed", job.subject_id, code=code)
        async with self._parts.store.begin(job.tenant_id) as work:
            try:
                document = await work.documents.get(job.subject_id, hold=True)
            except NotFound:
                document = None
            if document is not None and document.version == job.payload.get("version") and document.state != "ready":
                await work.documents.put(_failed(document, code, message, self._parts))
            await work.outbox.add(told)
            await work.jobs.complete(job)
        await self._tell(told)

    async def _told(self, work: Callable[[Job], Awaitable[None]], codes: list[str], job: Job) -> None:
        """`work`, which may be tried for long: why it fails is in the log the first time, and when the reason changes."""
        try:
            await work(job)
        except Problem as problem:
            if problem.retryable and problem.code not in codes[-1:]:
                codes.append(problem.code)
                _log.warning("job_parked", job_id=job.job_id, kind=job.kind, code=problem.code)
            raise

    async def _put_back(self, job: Job, problem: Problem) -> None:
        is_ours = not problem.retryable and not isinstance(problem, Misconfigured)
        try:
            if is_ours or self._parts.clock.now() - job.created_at >= _PATIENCE:
                await self._postpone(job, problem.code)
            else:
                await self._wait(job, problem.code)
        except Problem as other:  # the store is away, too, or somebody else has the job: its lease decides
            _log.warning("job_left", job_id=job.job_id, kind=job.kind, code=other.code)

    async def _wait(self, job: Job, code: str) -> None:
        """What the job needs is away, or configured wrongly: that is no fault of the document, and ends without its being uploaded again."""
        numbers.ended(job.kind, "waits")
        _log.warning("job_waits", job_id=job.job_id, kind=job.kind, code=code, for_s=_AWAY_PAUSE.total_seconds())
        async with self._parts.store.begin(job.tenant_id) as work:
            await work.jobs.give_back(job, due_at=self._parts.clock.now() + _AWAY_PAUSE)

    async def _postpone(self, job: Job, code: str) -> None:
        """Try again later; when the attempts are used up, say so on the document."""
        last = job.tries >= job.max_attempts
        retry_at = (
            None if last else self._parts.clock.now() + timedelta(seconds=_RETRY_S[min(job.tries, len(_RETRY_S)) - 1])
        )
        numbers.ended(job.kind, "given_up" if last else "failed")
        _log.warning("job_failed", job_id=job.job_id, kind=job.kind, code=code, tries=job.tries, last=last)
        told = self._event(job.tenant_id, "document_failed", job.subject_id, code=code)
        async with self._parts.store.begin(job.tenant_id) as work:
            if last and job.kind == INGEST:
                await self._give_up(work, job.subject_id, job.payload.get("version"), code)
                await work.outbox.add(told)
            await work.jobs.fail(job, error_code=code, retry_at=retry_at)
        if last and job.kind == INGEST:
            await self._tell(told)

    async def _give_up(self, work: UnitOfWork, document_id: str, version: object, code: str) -> None:
        try:
            document = await work.documents.get(document_id, hold=True)
        except NotFound:
            return
        if document.version == version and document.state != "ready":
            message = "the document could not be processed; index it again later"
            await work.documents.put(_failed(document, code, message, self._parts))

    async def _revive(self, tenant_id: str, document: Document) -> None:
        """A document that nobody has touched for long: its job was lost or given up. It gets one more, then it is given up too."""
        if self._parts.clock.now() - document.updated_at < _STALE:
            return
        job = await self._enqueue(tenant_id, document, "revived")
        if job.state in ("failed", "done"):
            async with self._parts.store.begin(tenant_id) as work:
                await self._give_up(work, document.document_id, document.version, job.error_code or "lease_expired")

    async def _enqueue(self, tenant_id: str, document: Document, reason: str, *, from_text: bool = False) -> Job:
        """A job for the document under a key of its own, so that any number of workers make one of it."""
        job = ingest_job(self._parts, tenant_id, document, attempt=document.created_at)
        key = f"{INGEST}:{document.document_id}:{document.version}:{reason}"
        async with self._parts.store.begin(tenant_id) as work:
            payload = {**job.payload, "from_text": from_text}
            return await work.jobs.enqueue(replace(job, idempotency_key=key, payload=payload))

    async def _documents(self, tenant_id: str) -> AsyncIterator[Document]:
        before = None
        while True:
            async with self._parts.store.begin(tenant_id, read_only=True) as work:
                rows = await work.documents.page(before=before, limit=_PAGE)
            for row in rows:
                yield row
            if len(rows) < _PAGE:
                return
            before = rows[-1].place

    async def _tell(self, event: Event) -> None:
        """At once to whoever listens; the same event comes again from the outbox."""
        try:
            await self._parts.bus.publish(event)
        except Problem as problem:
            _log.info("notice_lost", code=problem.code)

    def _event(self, tenant_id: str, kind: str, document_id: str, **data: str) -> Event:
        return Event(new_id("evt"), tenant_id, kind, document_id, self._parts.clock.now(), dict(data))


def _failed(document: Document, code: str, message: str, parts: DocumentParts) -> Document:
    return replace(document, state="failed", failure_code=code, failure_message=message, updated_at=parts.clock.now())
