"""The backups of a folder: which there are, which may go, and the keys of destroyed organisations that must go from all of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voiceagent.apps.backup.manifest import Manifest, erased_tenants, read_manifest, write_erased
from voiceagent.apps.backup.places import raw_ring
from voiceagent.apps.backup.secrets import BackupKeys
from voiceagent.apps.settings import Settings
from voiceagent.kit.errors import NotFound, Problem

PREFIX = "bak_"


@dataclass(frozen=True, slots=True)
class Shelved:
    """A folder that has the name of a backup. manifest: None when it cannot be read, and `problem` says why."""

    folder: Path
    manifest: Manifest | None
    problem: str | None = None


def shelved(folder: Path, keys: BackupKeys) -> list[Shelved]:
    """The backups, oldest first."""
    return [_read(one, keys) for one in _folders(folder)]


def named(folder: Path, name: str | None) -> Path:
    """The backup called `name` in `folder`, or a folder elsewhere; without a name the newest. Raises NotFound `backup_not_found`."""
    if name is None:
        newest = [*_folders(folder)][-1:]
        if not newest:
            raise NotFound("backup_not_found", f"there is no backup in {folder}")
        return newest[0]
    return Path(name) if "/" in name else folder / name


def keep_newest(folder: Path, keys: BackupKeys, count: int) -> list[str]:
    """Remove the oldest whole backups beyond `count`; the names of those removed. What cannot be read is left for people to look at."""
    whole = [one.folder for one in shelved(folder, keys) if one.manifest is not None]
    gone = whole[:-count]
    for one in gone:
        shutil.rmtree(one)
    return [one.name for one in gone]


async def forget_destroyed(settings: Settings, folder: Path, keys: BackupKeys) -> int:
    """Take the keys of organisations that were destroyed out of every backup: no copy can be opened again. How many keys went.

    Idempotent. The list of those that are gone is written, signed, before they go.
    """
    ring = await raw_ring(settings)
    if ring is None:
        return 0
    try:
        count = 0
        for one in shelved(folder, keys):
            if one.manifest is None:
                continue
            names = [name for tenant in one.manifest.tenants async for name in ring.names(f"{tenant}/keys/destroyed")]
            count += _forget(one.folder, one.manifest, frozenset(name.partition("/")[0] for name in names), keys)
        return count
    finally:
        await ring.close()


def _forget(folder: Path, manifest: Manifest, destroyed: frozenset[str], keys: BackupKeys) -> int:
    known = erased_tenants(folder, keys)
    if destroyed - known:
        write_erased(folder, known | destroyed, keys)
    count = 0
    for tenant_id in destroyed:
        for piece in manifest.stream(f"keys.{tenant_id}"):
            path = folder / piece.name
            if path.exists():
                path.unlink()
                count += 1
    return count


def _folders(folder: Path) -> Iterator[Path]:
    """By name, which sorts by time of birth."""
    if folder.is_dir():
        yield from sorted(one for one in folder.iterdir() if one.is_dir() and one.name.startswith(PREFIX))


def _read(folder: Path, keys: BackupKeys) -> Shelved:
    try:
        return Shelved(folder, read_manifest(folder, keys))
    except Problem as problem:
        return Shelved(folder, None, problem.code)
