"""Puts a backup into an empty installation, compares what is there then with what was backed up, and lets nothing start before that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from voiceagent.adapters.store.copies.pages import ContentHash, RowPage
from voiceagent.adapters.store.copies.sql_copy import SqlCopy, not_empty, open_copy
from voiceagent.apps.backup.check import Checked, compared, named_in, pages_in
from voiceagent.apps.backup.objects import ObjectCopy, put_objects
from voiceagent.apps.backup.pieces import read_stream, synced, written
from voiceagent.apps.backup.places import raw_blobs, raw_ring, small_files
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.custody.ring import UntouchedRing
from voiceagent.apps.run import RESTORING
from voiceagent.apps.settings import Settings
from voiceagent.documents.parts import INGEST
from voiceagent.domain.job import Job
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Conflict, Misconfigured, Problem
from voiceagent.kit.ids import new_id
from voiceagent.ports.blobs import BlobStore
from voiceagent.ports.store import Store


@dataclass(slots=True)
class Restored:
    """What a restore did. documents: that have to be indexed again, by tenant: id and version.  erasures: done again."""

    seconds: float = 0.0
    tenants: int = 0
    rows: int = 0
    objects: int = 0
    documents: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    erasures: int = 0


async def restore(settings: Settings, backup: Checked) -> Restored:
    """Fill the stores of `settings` with what `backup` holds. One that was stopped is done again from the start.

    The index of the documents is not in it: `index_again` has it rebuilt from their files. Until `released`, nothing starts on the data folder.
    Raises Conflict `restore_not_empty`, Misconfigured `root_key_wrong`, Problem `restore_differs`.
    """
    began_s = time.monotonic()
    await _check_keys(settings, backup)
    blobs, ring, copy = await raw_blobs(settings), await raw_ring(settings), open_copy(settings.url("store"))
    try:
        result = await _Filling(settings, backup).filled(copy, blobs, ring)
        result.seconds = time.monotonic() - began_s
        return result
    finally:
        await copy.close()
        await blobs.close()
        if ring is not None:
            await ring.close()


async def index_again(store: Store, result: Restored, backup_id: str) -> None:
    """Have every ready document read and indexed again by the workers: they stay readable meanwhile, and are found as they are done."""
    now = SystemClock().now()
    for tenant_id, documents in result.documents.items():
        async with store.begin(tenant_id) as work:
            for document_id, version in documents:
                key = f"{INGEST}:{document_id}:{version}:restored:{backup_id}"
                payload: dict[str, str | int | float | bool | None] = {"version": version}
                job = Job(new_id("job"), tenant_id, INGEST, document_id, now, payload, idempotency_key=key)
                await work.jobs.enqueue(job)


def released(settings: Settings) -> None:
    """The restore is whole: the installation may start."""
    (settings.data.dir.expanduser() / RESTORING).unlink()


class _Filling:
    """One restore. The database comes last: while it is empty, the installation counts as empty."""

    def __init__(self, settings: Settings, backup: Checked) -> None:
        self._settings = settings
        self._backup = backup

    async def filled(self, copy: SqlCopy, blobs: BlobStore, ring: BlobStore | None) -> Restored:
        manifest = self._backup.manifest
        await self._claim(copy, blobs, ring)
        self._put_files()
        if ring is not None:
            await self._put_keys(ring)
        objects = await put_objects(self._stream("objects"), blobs)
        result = Restored(tenants=len(manifest.tenants), objects=len(objects.sha256s))
        await copy.fill(manifest.revision, self._pages(result))
        await self._compare(copy, blobs)
        return result

    async def _claim(self, copy: SqlCopy, blobs: BlobStore, ring: BlobStore | None) -> None:
        """Refuse what is not empty, but for what this very restore has left when it was stopped."""
        if not await copy.is_empty():
            raise not_empty("the database")
        data = self._settings.data.dir.expanduser()
        if not _is_mine(data / RESTORING, self._backup.manifest.backup_id):
            for path in small_files(self._settings).values():
                if path.exists():
                    raise not_empty(f"the data folder ({path.name})")
            for tenant_id in self._backup.manifest.tenants:
                for store in (blobs, ring):
                    if store is not None and [name async for name in store.names(f"{tenant_id}/")]:
                        raise not_empty(f"the store of the objects of {tenant_id}")
        _mark(data, self._backup.manifest.backup_id)

    def _put_files(self) -> None:
        places = small_files(self._settings)
        for name, data in self._named("files"):
            if name in places:
                places[name].parent.mkdir(parents=True, exist_ok=True)
                written(places[name], data)
        if self._settings.recordings.dir:
            folder = Path(self._settings.filled(self._settings.recordings.dir)).expanduser()
            for name, data in self._named("recordings"):
                (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                written(folder / name, data)

    async def _put_keys(self, ring: BlobStore) -> None:
        for tenant_id in self._backup.manifest.tenants:
            if tenant_id in self._backup.erased:
                await ring.put(f"{tenant_id}/keys/destroyed", b"destroyed")
            else:
                await put_objects(self._stream(f"keys.{tenant_id}"), ring)

    def _pages(self, result: Restored) -> Iterator[RowPage]:
        for page in pages_in(self._backup.folder, self._backup.manifest, self._backup.seal):
            result.rows += len(page.rows)
            if page.table == "documents":
                ready = result.documents.setdefault(page.tenant_id, [])
                ready += _ready(page)
            yield page

    async def _compare(self, copy: SqlCopy, blobs: BlobStore) -> None:
        """Read everything back. Raises Problem `restore_differs`."""
        rows: dict[str, ContentHash] = {}
        async for page in copy.pages():
            rows.setdefault(page.tenant_id, ContentHash()).add(page)
        reading = ObjectCopy(blobs, _Nowhere())
        for tenant_id in self._backup.manifest.tenants:
            await reading.copy(f"{tenant_id}/")
        bad = compared(self._backup.manifest, rows, reading.copied)
        if bad:
            raise Problem("restore_differs", f"what was restored of {', '.join(bad)} is not what was backed up")

    def _named(self, stream: str) -> Iterator[tuple[str, bytes]]:
        return named_in(self._backup.folder, self._backup.manifest, self._backup.seal, stream)

    def _stream(self, name: str) -> Iterator[bytes]:
        return read_stream(self._backup.folder, self._backup.manifest.stream(name), self._backup.seal)


async def _check_keys(settings: Settings, backup: Checked) -> None:
    """Open the keys of every organisation as they lie in the backup, before anything is written. Raises Misconfigured `root_key_wrong`."""
    sealed = [name for name, content in backup.manifest.tenants.items() if content.key_ids]
    wanted = [name for name in sealed if name not in backup.erased]
    scheme, _, place = settings.filled(settings.keys.url).partition("://")
    is_missing = scheme == "file" and not await asyncio.to_thread(
        Path(unquote(place)).exists
    )  # opened, it would be made
    ring = UntouchedRing(None)
    keys = None if is_missing else await open_keys(settings, SystemClock(), make=False, ring=ring)
    if keys is None:
        if sealed:
            raise Misconfigured("root_key_wrong", "the backup needs its root key at keys.url", param="keys.url")
        return
    try:
        for tenant_id in wanted:
            stream = backup.manifest.stream(f"keys.{tenant_id}")
            await put_objects(read_stream(backup.folder, stream, backup.seal), ring)
            await keys.of(tenant_id)
    finally:
        await keys.close()


class _Nowhere:
    """Takes bytes and keeps none: copying into it is reading."""

    def write(self, data: bytes) -> None:
        """Forget `data`."""


def _ready(page: RowPage) -> list[tuple[str, int]]:
    names = [name for name, _ in page.columns]
    rows = [dict(zip(names, row, strict=True)) for row in page.rows]
    return [(row["document_id"], row["version"]) for row in rows if row["state"] == "ready"]


def _is_mine(marker: Path, backup_id: str) -> bool:
    """Whether a restore of this backup began here and did not end. Raises Conflict `restore_unfinished` for another one."""
    if not marker.exists():
        return False
    if marker.read_text(encoding="utf-8").strip() != backup_id:
        raise Conflict("restore_unfinished", "the restore of another backup began here and did not end")
    return True


def _mark(data: Path, backup_id: str) -> None:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    written(data / RESTORING, backup_id.encode())
    synced(data)
