"""PostgreSQL to any second: a copy of the whole server, and every change since, as the server itself logs them. Both encrypted.

The tools are PostgreSQL's own, of the server's major version, from PATH: pg_basebackup and pg_receivewal.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO, RawIOBase
from pathlib import Path

from voiceagent import __version__
from voiceagent.apps.backup.create import with_room
from voiceagent.apps.backup.manifest import Manifest, read_manifest, wrapped, write_manifest
from voiceagent.apps.backup.pieces import Seal, StreamWriter, broken, read_stream, synced, written
from voiceagent.apps.backup.secrets import BackupKeys
from voiceagent.apps.settings import Settings
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto_envelope import context_of, decrypted, encrypted, fresh_key
from voiceagent.kit.errors import Conflict, Misconfigured, NotFound, Problem, Unavailable
from voiceagent.kit.ids import new_id

PREFIX = "base_"
WAL = "wal"
SPOOL = "wal-spool"
SLOT = "voiceagent_backup"
READ_BYTES = 2**20
_WRAPPED_BYTES = 84
_RESTORED = "restored_wal"


def base(settings: Settings, keys: BackupKeys, folder: Path) -> Manifest:
    """Copy the whole server, while it serves, into a folder of its own inside `folder`.

    Raises Misconfigured `tool_missing` or `store_not_postgresql`, Unavailable `store_unavailable`, StorageFull.
    """
    url, tool = _postgresql(settings), _tool("pg_basebackup")
    seal, at = Seal(new_id(PREFIX.rstrip("_")), fresh_key()), SystemClock().now()
    with_room(folder)
    place = folder / f".incoming-{seal.backup_id}"
    place.mkdir(mode=0o700)
    writer = StreamWriter(place, "base", seal, packs=True)
    command = [tool, "-D", "-", "-F", "tar", "-X", "fetch", "-c", "fast", "-d", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - words of ours
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        while data := process.stdout.read(READ_BYTES):
            writer.write(data)
    if process.returncode != 0:
        shutil.rmtree(place)
        raise Unavailable("store_unavailable", "pg_basebackup failed: may the role replicate?")
    manifest = Manifest(
        seal.backup_id,
        at,
        __version__,
        "postgresql",
        "",
        wrapped(keys, seal),
        keys.check,
        {},
        pieces=tuple(writer.end()),
    )
    write_manifest(place, manifest, keys)
    place.rename(folder / seal.backup_id)
    synced(folder)
    return manifest


class WalKeeper:
    """Receives the server's log of changes as it is written and puts it, encrypted, beside the backups."""

    def __init__(self, settings: Settings, keys: BackupKeys, folder: Path) -> None:
        self._url = _postgresql(settings)
        self._keys = keys
        self._spool = settings.data.dir.expanduser() / SPOOL
        self._folder = folder / WAL
        self._sizes: dict[str, tuple[int, int]] = {}
        self._sealing = threading.Lock()

    async def keep(self, every_s: float) -> None:
        """Until cancelled. What the server had logged `every_s` ago is there. Raises Unavailable `store_unavailable` when the server goes away."""
        for place in (self._spool, self._folder):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        tool, options = _tool("pg_receivewal"), ["-d", self._url, "-S", SLOT]
        create = await asyncio.create_subprocess_exec(tool, *options, "--create-slot", "--if-not-exists")
        await create.wait()
        receiver = await asyncio.create_subprocess_exec(
            tool, *options, "-D", str(self._spool), "--synchronous", "--no-loop", stderr=asyncio.subprocess.DEVNULL
        )
        try:
            while receiver.returncode is None:
                await asyncio.sleep(every_s)
                await asyncio.to_thread(self.sealed)
        finally:
            if receiver.returncode is None:
                receiver.terminate()
                await receiver.wait()
            self.sealed()
        raise Unavailable("store_unavailable", "the server ended the stream of its changes")

    def sealed(self) -> int:
        """Encrypt what is new in the spool; segments that are whole leave it. How many files that were."""
        with self._sealing:  # a keeper that is cancelled may still have a thread at it
            return sum(self._seal(path) for path in sorted(self._spool.iterdir()))

    def _seal(self, path: Path) -> bool:
        found = path.stat()
        state = (found.st_size, found.st_mtime_ns)
        if self._sizes.get(path.name) == state:
            return False
        self._put(path.name, path.read_bytes())
        if path.suffix == ".partial":
            self._sizes[path.name] = state
        else:
            path.unlink()
            (self._folder / f"{path.name}.partial").unlink(missing_ok=True)
        return True

    def _put(self, name: str, data: bytes) -> None:
        data_key, context = fresh_key(), context_of("wal", name)
        sealed = self._keys.wrapping.wrap(data_key, context) + encrypted(data_key, data, context)
        written(self._folder / f".{name}", sealed)
        (self._folder / f".{name}").replace(self._folder / name)
        synced(self._folder)


def recover(folder: Path, keys: BackupKeys, to: Path, at: datetime | None) -> Manifest:
    """Make in `to`, which must be empty, a server's folder that on its first start becomes what the server was `at` that second.

    None: the last moment that was kept. Uses the newest base before. Raises Conflict `restore_not_empty`, NotFound `backup_not_found`, Problem `backup_broken`.
    """
    if to.exists() and any(to.iterdir()):
        raise Conflict("restore_not_empty", f"{to} is not empty")
    place, manifest = _base_before(folder, keys, at)
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    stream = _Chunks(read_stream(place, manifest.stream("base"), manifest.seal(keys)))
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        archive.extractall(to, filter="tar")
    restored = to / _RESTORED
    restored.mkdir(mode=0o700)
    for path in sorted((folder / WAL).glob("[0-9A-F]*")):
        (restored / path.name.removesuffix(".partial")).write_bytes(_opened(path, keys))
    lines = [f'restore_command = \'cp "{restored}/%f" "%p"\'', "recovery_target_action = 'promote'"]
    if at is not None:
        lines.append(f"recovery_target_time = '{at.astimezone(UTC).isoformat(sep=' ')}'")
    with (to / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
        settings.write("\n".join(["", *lines, ""]))
    (to / "recovery.signal").touch(mode=0o600)
    _given_to_owner(to)
    return manifest


def _base_before(folder: Path, keys: BackupKeys, at: datetime | None) -> tuple[Path, Manifest]:
    places = sorted(folder.glob(f"{PREFIX}*"), reverse=True) if folder.is_dir() else []
    for place in places:
        manifest = read_manifest(place, keys)
        if at is None or manifest.created_at < at:
            return place, manifest
    raise NotFound("backup_not_found", f"there is no copy of the server before that in {folder}")


def _opened(path: Path, keys: BackupKeys) -> bytes:
    data, context = path.read_bytes(), context_of("wal", path.name)
    try:
        data_key = keys.wrapping.unwrap(data[:_WRAPPED_BYTES], context)
        return decrypted(data_key, data[_WRAPPED_BYTES:], context)
    except Problem as failure:
        raise broken(f"{path.name} does not open") from failure


def _given_to_owner(to: Path) -> None:
    """A server does not start on a folder that is not its own: who owns the folder above owns all of it."""
    if os.geteuid() != 0:
        return
    owner = to.parent.stat()
    for path in (to, *to.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)


def _postgresql(settings: Settings) -> str:
    url = settings.url("store")
    if not url.startswith(("postgresql:", "postgres:")):
        raise Misconfigured(
            "store_not_postgresql", "the store is not PostgreSQL: use `voiceagent backup create`", param="store.url"
        )
    return url


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Misconfigured("tool_missing", f"{name} is not on PATH: install PostgreSQL's client programs")
    return found


class _Chunks(RawIOBase):
    """Pieces as a file that can only be read on."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = BytesIO()

    def read(self, size: int = -1) -> bytes:
        found = bytearray()
        while size < 0 or len(found) < size:
            piece = self._held.read(size - len(found) if size >= 0 else -1)
            found += piece
            if not piece:
                following = next(self._chunks, None)
                if following is None:
                    break
                self._held = BytesIO(following)
        return bytes(found)
