"""Tells whether a backup is whole: everything in it is read, opened and compared with what its manifest says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from voiceagent.adapters.store.copies.pages import ContentHash, RowPage, page_in
from voiceagent.adapters.store.schema import knows_revision
from voiceagent.apps.backup.manifest import Manifest, TenantContent, erased_tenants, read_manifest
from voiceagent.apps.backup.objects import ObjectList, put_objects
from voiceagent.apps.backup.pieces import Seal, broken, lines_in, read_stream
from voiceagent.apps.backup.secrets import BackupKeys
from voiceagent.kit.errors import Misconfigured, NotFound

STREAMS = ("files", "database", "objects", "recordings")


@dataclass(frozen=True, slots=True)
class Checked:
    """A backup that is whole. erased: organisations whose keys were taken out of it.  objects: of all of them."""

    folder: Path
    manifest: Manifest
    seal: Seal
    erased: frozenset[str]
    objects: ObjectList


async def verified(folder: Path, keys: BackupKeys) -> Checked:
    """The backup in `folder`, every byte of it read.

    Raises NotFound `backup_not_found`, Problem `backup_broken` that says what is wrong, Forbidden `backup_key_wrong`, Misconfigured `backup_newer`.
    """
    manifest = _manifest(folder, keys)
    seal, erased = manifest.seal(keys), erased_tenants(folder, keys)
    _check_streams(manifest)
    for piece in manifest.pieces:
        if piece.stream.partition(".")[2] not in erased:
            for _ in read_stream(folder, (piece,), seal):
                pass
    objects = await put_objects(read_stream(folder, manifest.stream("objects"), seal), None)
    _compare(manifest, _hashes(pages_in(folder, manifest, seal)), objects)
    return Checked(folder, manifest, seal, erased, objects)


def pages_in(folder: Path, manifest: Manifest, seal: Seal) -> Iterator[RowPage]:
    """The rows of a backup. Raises Problem `backup_broken`."""
    for line in lines_in(read_stream(folder, manifest.stream("database"), seal)):
        try:
            yield page_in(line)
        except ValueError as failure:
            raise broken("a page of rows cannot be read") from failure


def named_in(folder: Path, manifest: Manifest, seal: Seal, stream: str) -> Iterator[tuple[str, bytes]]:
    """The small files of a stream (`create.named`). Raises Problem `backup_broken`."""
    data = b"".join(read_stream(folder, manifest.stream(stream), seal))
    at = 0
    while at < len(data):
        name_end = at + 4 + int.from_bytes(data[at : at + 4])
        end = name_end + 8 + int.from_bytes(data[name_end : name_end + 8])
        if end > len(data):
            raise broken(f"the stream {stream} ends in the middle of a file")
        yield data[at + 4 : name_end].decode(), data[name_end + 8 : end]
        at = end


def compared(manifest: Manifest, found: dict[str, ContentHash], objects: ObjectList) -> list[str]:
    """The organisations whose content is not what the manifest says."""
    tenants = manifest.tenants.keys() | found.keys()
    return sorted(one for one in tenants if not _is_same(manifest.tenants.get(one), found.get(one), objects, one))


def is_late(manifest: Manifest, now: datetime, max_age_h: float) -> bool:
    """Whether it is too old to be the newest."""
    return now - manifest.created_at > timedelta(hours=max_age_h)


def _manifest(folder: Path, keys: BackupKeys) -> Manifest:
    if not folder.is_dir():
        raise NotFound("backup_not_found", f"there is no backup {folder.name}")
    manifest = read_manifest(folder, keys)
    if manifest.backup_id != folder.name:
        raise broken("its folder has the name of another")
    if not knows_revision(manifest.revision):
        raise Misconfigured("backup_newer", "a newer version of the platform made this: install that version")
    return manifest


def _check_streams(manifest: Manifest) -> None:
    """Every stream is there, from its first piece on: what the signature covers is what was written."""
    for stream in STREAMS:
        numbers = [piece.number for piece in manifest.stream(stream)]
        if not numbers or numbers != list(range(len(numbers))):
            raise broken(f"the stream {stream} is not whole")


def _compare(manifest: Manifest, found: dict[str, ContentHash], objects: ObjectList) -> None:
    bad = compared(manifest, found, objects)
    if bad:
        raise broken(f"what it holds of {', '.join(bad)} is not what was written")


def _is_same(told: TenantContent | None, rows: ContentHash | None, objects: ObjectList, tenant_id: str) -> bool:
    if told is None or rows is None:
        return False
    return (told.rows_sha256, told.objects_sha256) == (rows.hex(), objects.hex(tenant_id))


def _hashes(pages: Iterator[RowPage]) -> dict[str, ContentHash]:
    found: dict[str, ContentHash] = {}
    for page in pages:
        found.setdefault(page.tenant_id, ContentHash()).add(page)
    return found
