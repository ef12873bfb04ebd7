"""Objects as files under one folder: `file:///dir`."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar
from urllib.parse import unquote

from voiceagent.adapters.blobs.names import PIECE_BYTES, checked, checked_prefix
from voiceagent.adapters.blobs.threads import Threads
from voiceagent.kit.errors import Misconfigured, NotFound, Problem, StorageFull, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4

_INCOMING = ".incoming"  # one part long: no object can have this name


class FileBlobs:
    """One file an object. A put becomes visible by a rename, after its bytes are on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = Threads("blobs", THREADS)

    async def put(self, name: str, data: AsyncIterator[bytes] | bytes) -> int:
        target = self._folder / checked(name)
        upload = await self._threads.run(_translating(_Upload), self._folder)
        try:
            async for piece in _pieces(data):
                await self._threads.run(_translating(upload.write), piece)
            return await self._threads.run(_translating(upload.finish), target)
        finally:
            upload.abandon()

    async def get(self, name: str) -> AsyncIterator[bytes]:
        file = await self._threads.run(_translating(_opened), self._folder / checked(name))
        with file:
            while piece := await self._threads.run(_translating(file.read), PIECE_BYTES):
                yield piece

    async def delete(self, name: str) -> bool:
        return await self._threads.run(_translating(_removed), self._folder / checked(name))

    async def names(self, prefix: str) -> AsyncIterator[str]:
        for name in await self._threads.run(_translating(_listed), self._folder, checked_prefix(prefix)):
            yield name

    async def ready(self) -> bool:
        return os.access(self._folder, os.R_OK | os.W_OK | os.X_OK)

    async def close(self) -> None:
        self._threads.close()


class _Upload:
    """A file that is not yet an object."""

    def __init__(self, folder: Path) -> None:
        incoming = folder / _INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        handle, self._path = tempfile.mkstemp(dir=incoming)
        self._file: BinaryIO | None = os.fdopen(handle, "wb")
        self._size_bytes = 0

    def write(self, piece: bytes) -> None:
        if self._file is not None:
            self._size_bytes += self._file.write(piece)

    def finish(self, target: Path) -> int:
        """Bytes first, then the name, then the folder that holds the name: a power cut leaves the old object or the new one."""
        if self._file is None:
            raise ValueError("the upload has ended")
        self._file.flush()
        os.fsync(self._file.fileno())
        _make_folders(target.parent)
        os.replace(self._path, target)
        _sync_folder(target.parent)
        self._file.close()
        self._file = None
        return self._size_bytes

    def abandon(self) -> None:
        """Remove what did not become an object; nothing after `finish`."""
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError:
            pass  # a full disk shows again when the buffer is flushed on close
        finally:
            self._file = None
            Path(self._path).unlink(missing_ok=True)


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened(path: Path) -> BinaryIO:
    return open(path, "rb", buffering=0)


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    _sync_folder(path.parent)
    return True


def _listed(folder: Path, prefix: str) -> list[str]:
    """Names in the order of their characters, which is not the order in which folders are walked."""
    tenant = folder / prefix.partition("/")[0]
    names = (path.relative_to(folder).as_posix() for path in tenant.glob("*/*"))
    return sorted(name for name in names if name.startswith(prefix))


async def _pieces(data: AsyncIterator[bytes] | bytes) -> AsyncIterator[bytes]:
    if not isinstance(data, bytes):
        async for piece in data:
            yield piece
        return
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def _translating(function: Callable[P, T]) -> Callable[P, T]:
    """`function` with the errors of the file system as those of the port."""

    def translated(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except FileNotFoundError as failure:
            raise NotFound("blob_not_found", "there is no such object", param="name") from failure
        except OSError as failure:
            raise _problem(failure) from failure

    return translated


def _problem(failure: OSError) -> Problem:
    if failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull("storage_full", "the disk of the objects is full")
    return Unavailable("blobs_unavailable", "the objects' disk refuses", retry_after_s=1.0)


def open_blobs(url: str) -> FileBlobs:
    """The objects under the folder of `file:///dir`, which is made when missing. Raises Misconfigured `blobs_url`, `blobs_path`."""
    scheme, _, path = url.partition("://")
    if scheme != "file" or not path.startswith("/") or path == "/":
        raise Misconfigured("blobs_url", "the objects' URL is file:///FOLDER")
    folder = Path(unquote(path))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise Misconfigured("blobs_path", "the folder of the objects cannot be written") from failure
    return FileBlobs(folder)
