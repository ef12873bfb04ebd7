"""Makes a backup: one cut through database, objects and keys of a running installation. Readers and writers are not kept waiting."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from voiceagent import __version__
from voiceagent.adapters.store.copies.pages import ContentHash, RowPage
from voiceagent.adapters.store.copies.sql_copy import SqlCopy, open_copy
from voiceagent.adapters.store.schema import newest_revision
from voiceagent.apps.backup.manifest import Manifest, TenantContent, wrapped, write_manifest
from voiceagent.apps.backup.objects import ObjectCopy, ObjectList
from voiceagent.apps.backup.pieces import Seal, StreamWriter, synced
from voiceagent.apps.backup.places import raw_blobs, raw_ring, read_small_files, recordings, shown_settings
from voiceagent.apps.backup.secrets import BackupKeys
from voiceagent.apps.settings import Settings
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto_envelope import fresh_key
from voiceagent.kit.errors import Misconfigured
from voiceagent.kit.ids import new_id
from voiceagent.ports.blobs import BlobStore

CUTS = 5
_INCOMING = ".incoming-"


@dataclass(slots=True)
class _Cut:
    """The database as it was written into the backup: the hash of each tenant, and the objects that its rows speak of."""

    writer: StreamWriter
    tenants: dict[str, ContentHash] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)

    def take(self, page: RowPage) -> None:
        self.writer.write(page.line())
        self.tenants.setdefault(page.tenant_id, ContentHash()).add(page)
        if page.table == "documents":
            self.wanted.update(_blobs_of(page))


async def create(settings: Settings, keys: BackupKeys, folder: Path) -> Manifest:
    """A new backup in a folder of its own inside `folder`, whole and signed when this returns.

    Raises Misconfigured, StorageFull, and what the stores raise; then nothing is left but a folder that the next one removes.
    """
    seal = Seal(new_id("bak"), fresh_key())
    with_room(folder)
    incoming = folder / f"{_INCOMING}{seal.backup_id}"
    incoming.mkdir(mode=0o700)
    blobs, ring, copy = await raw_blobs(settings), await raw_ring(settings), open_copy(settings.url("store"))
    try:
        maker = _Maker(settings, seal, incoming)
        manifest = await maker.made(keys, copy, blobs, ring)
        write_manifest(incoming, manifest, keys)
        incoming.rename(folder / seal.backup_id)
        synced(folder)
        return manifest
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    finally:
        await copy.close()
        await blobs.close()
        if ring is not None:
            await ring.close()


def with_room(folder: Path) -> None:
    """The folder of the backups, without what earlier ones that were stopped have left. Raises Misconfigured `backup_dir`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(f"{_INCOMING}*"):
            shutil.rmtree(left)
    except OSError as failure:
        raise Misconfigured(
            "backup_dir", f"the folder of the backups cannot be written ({failure.strerror})", param="backup.dir"
        ) from failure


class _Maker:
    """The streams of one backup, in the order that keeps them consistent.

    The anchors come before the records that they speak of; rows come before objects, and once more when an object that they
    speak of has gone meanwhile: objects are written before the rows that name them, and deleted after them.
    """

    def __init__(self, settings: Settings, seal: Seal, folder: Path) -> None:
        self._settings = settings
        self._seal = seal
        self._folder = folder

    async def made(self, keys: BackupKeys, copy: SqlCopy, blobs: BlobStore, ring: BlobStore | None) -> Manifest:
        """The manifest of everything that was written."""
        at = SystemClock().now()
        small = self._small_files()
        objects = self._writer("objects", packs=False)
        copied = ObjectCopy(blobs, objects)
        cut, missing = await self._cut(copy, copied)
        key_ids, key_streams = await self._keys(ring, sorted(cut.tenants))
        pieces = [*small.end(), *cut.writer.end(), *objects.end(), *self._recordings().end()]
        for writer in key_streams:
            pieces += writer.end()
        return Manifest(
            backup_id=self._seal.backup_id,
            created_at=at,
            product=__version__,
            dialect=copy.dialect,
            revision=newest_revision(),
            wrapped_key=wrapped(keys, self._seal),
            key_check=keys.check,
            tenants={
                tenant_id: content_of(content, copied.copied, tenant_id, key_ids.get(tenant_id, ()))
                for tenant_id, content in cut.tenants.items()
            },
            settings=shown_settings(self._settings),
            missing=tuple(sorted(missing)),
            pieces=tuple(pieces),
        )

    async def _cut(self, copy: SqlCopy, copied: ObjectCopy) -> tuple[_Cut, set[str]]:
        missing: set[str] = set()
        for _ in range(CUTS):
            cut, before = _Cut(self._writer("database", packs=True)), missing
            async with _pages(copy) as pages:
                async for page in pages:
                    cut.take(page)
            for tenant_id in cut.tenants:
                await copied.copy(f"{tenant_id}/")
            missing = cut.wanted - copied.copied.sha256s.keys()
            if not missing or missing == before:  # gone again in the same way: nobody deletes it, it is lost
                break
        return cut, missing

    async def _keys(
        self, ring: BlobStore | None, tenants: list[str]
    ) -> tuple[dict[str, tuple[str, ...]], list[StreamWriter]]:
        """The wrapped keys of each organisation in a stream of its own, so that they can be taken out again for good."""
        key_ids: dict[str, tuple[str, ...]] = {}
        writers = []
        for tenant_id in tenants if ring is not None else []:
            writer = self._writer(f"keys.{tenant_id}", packs=False)
            keys = ObjectCopy(ring, writer)  # type: ignore[arg-type] # there are tenants here only with a ring
            await keys.copy(f"{tenant_id}/keys/")
            key_ids[tenant_id] = tuple(name.rpartition("/")[2] for name in keys.copied.of(tenant_id))
            writers.append(writer)
        return key_ids, writers

    def _small_files(self) -> StreamWriter:
        writer = self._writer("files", packs=True)
        for name, data in read_small_files(self._settings).items():
            writer.write(named(name, data))
        return writer

    def _recordings(self) -> StreamWriter:
        writer = self._writer("recordings", packs=False)
        for name, path in recordings(self._settings):
            writer.write(named(name, path.read_bytes()))
        return writer

    def _writer(self, stream: str, *, packs: bool) -> StreamWriter:
        return StreamWriter(self._folder, stream, self._seal, packs=packs)


def content_of(rows: ContentHash, objects: ObjectList, tenant_id: str, key_ids: tuple[str, ...]) -> TenantContent:
    """What a manifest says of one organisation."""
    return TenantContent(
        dict(sorted(rows.rows.items())), rows.hex(), len(objects.of(tenant_id)), objects.hex(tenant_id), key_ids
    )


def named(name: str, data: bytes) -> bytes:
    """A small file as a stream holds it: the length of its name, the name, its length, its bytes."""
    told = name.encode()
    return len(told).to_bytes(4) + told + len(data).to_bytes(8) + data


@asynccontextmanager
async def _pages(copy: SqlCopy) -> AsyncIterator[AsyncIterator[RowPage]]:
    """The pages, whose transaction ends with the block."""
    pages = copy.pages()
    try:
        yield pages
    finally:
        await pages.aclose()  # type: ignore[attr-defined] # it is a generator


def _blobs_of(page: RowPage) -> set[str]:
    """The uploaded files that these documents have: the names as the document module gives them (documents/parts.py)."""
    places = [[name for name, _ in page.columns].index(name) for name in ("document_id", "version", "blob_sha256")]
    return {f"{page.tenant_id}/documents/" + ".".join(str(row[place]) for place in places) for row in page.rows}
