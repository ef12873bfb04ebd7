"""Adds files: finds them, uploads a few at a time, follows each until it can be searched, and watches for more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from voiceagent.apps.commands.docs.library import Library
from voiceagent.documents.formats import FORMATS
from voiceagent.kit.errors import InvalidInput, Problem

AT_A_TIME = 2
LOOK_S = 0.5
WATCH_S = 2.0
DONE = frozenset({"ready", "failed"})
LOCKED = frozenset({"password_needed", "wrong_password"})
_ENDINGS = frozenset(f".{ending}" for one in FORMATS.values() for ending in one.endings)

_Mark = tuple[int, int]
"""When a file was changed, in nanoseconds, and its size in bytes."""


class Screen(Protocol):
    """What is shown of the files on their way."""

    def begins(self, path: Path, size_bytes: int) -> None: ...
    def sent(self, path: Path, count_bytes: int) -> None: ...
    def reads(self, path: Path, state: str, progress: float) -> None: ...
    def ends(self, added: Added) -> None: ...
    def asks(self, path: Path, code: str) -> str:
        """The password of an encrypted file; "" when nobody can or will tell it. Blocks."""
        ...


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a file. document: as the API shows it, {} when it was not taken in.  code: why it failed, "" when it is ready."""

    path: Path
    document: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    message: str = ""


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files named, and in folders those of a kind that is read, hidden ones left out. Raises InvalidInput `no_such_file`."""
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise InvalidInput("no_such_file", f"there is no file {path}", param="paths")
        for file in _inside(path) if path.is_dir() else (path,):
            found[file] = None
    return list(found)


def _inside(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in _ENDINGS and path.is_file():
            yield path


class Adding:
    """Remembers which document each file became, so that a changed file becomes a new version of it.

    password: tried for encrypted files before anybody is asked; "" for none.
    """

    def __init__(self, library: Library, screen: Screen, *, collection_id: str | None, password: str = "") -> None:
        self._library = library
        self._screen = screen
        self._collection_id = collection_id
        self._password = password
        self._asking = asyncio.Lock()
        self._known: dict[Path, str] = {}

    async def add(self, files: Iterable[Path]) -> list[Added]:
        """Upload and follow every file. One that fails does not keep the others; when the gateway is gone or refuses us, all end."""
        lanes = asyncio.Semaphore(AT_A_TIME)

        async def one(path: Path) -> Added:
            async with lanes:
                added = await self._one(path)
                self._screen.ends(added)
                return added

        return list(await asyncio.gather(*(one(path) for path in files)))

    async def watch(self, paths: Sequence[Path]) -> None:
        """Add what is new or changed, until cancelled. Files that vanish stay in the library."""
        seen = {file: _mark(file) for file in files_of(paths)}
        while True:
            await asyncio.sleep(WATCH_S)
            present = {file: _mark(file) for file in files_of([path for path in paths if path.exists()])}
            fresh = [file for file, mark in present.items() if mark is not None and seen.get(file) != mark]
            await self.add(fresh)
            seen = present

    async def _one(self, path: Path) -> Added:
        try:
            self._screen.begins(path, path.stat().st_size)  # noqa: ASYNC240 - one look at the disk
            document = await self._library.upload(
                path,
                collection_id=self._collection_id,
                replaces=self._known.get(path),
                sent=lambda count_bytes: self._screen.sent(path, count_bytes),
            )
            self._known[path] = document["document_id"]
            document = await self._followed(path, document)
            if document["failure_code"] in LOCKED:
                document = await self._unlocked(path, document)
        except Problem as problem:
            if problem.status in (401, 403) or problem.code == "gateway_unavailable":
                raise
            return Added(path, {}, problem.code, problem.message)
        except OSError as error:
            return Added(path, {}, "file_unreadable", error.strerror or "")
        return Added(path, document, document["failure_code"] or "", document["failure_message"] or "")

    async def _followed(self, path: Path, document: dict[str, Any]) -> dict[str, Any]:
        while document["state"] not in DONE:
            self._screen.reads(path, document["state"], document["progress"])
            await asyncio.sleep(LOOK_S)
            document = await self._library.document(document["document_id"])
        return document

    async def _unlocked(self, path: Path, document: dict[str, Any]) -> dict[str, Any]:
        """The document after the password that is known, and those that somebody tells as long as they are wrong."""
        password = self._password
        while document["failure_code"] in LOCKED:
            if not password:
                async with self._asking:
                    password = await asyncio.to_thread(self._screen.asks, path, document["failure_code"])
            if not password:
                break
            again = await self._library.again(document["document_id"], password=password)
            document, password = await self._followed(path, again), ""
        return document


def _mark(file: Path) -> _Mark | None:
    try:
        stat = file.stat()
    except OSError:  # it vanished between two looks
        return None
    return stat.st_mtime_ns, stat.st_size
