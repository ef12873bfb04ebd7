"""Streams of a backup as files: cut into pieces, each compressed, encrypted for its place alone, and synced."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from voiceagent.kit.crypto_envelope import context_of, decrypted, encrypted
from voiceagent.kit.errors import Problem, StorageFull

PIECE_BYTES = 8 * 2**20
_PACKED, _PLAIN = b"z", b"-"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file. stream: what it is a part of.  number: from 0.  sha256: of the file as it lies there."""

    name: str
    stream: str
    number: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Seal:
    """What the pieces of one backup are encrypted with, and for."""

    backup_id: str
    data_key: bytes

    def context(self, stream: str, number: int) -> bytes:
        """What binds a piece to its place."""
        return context_of("backup", self.backup_id, stream, str(number))


class StreamWriter:
    """Takes bytes and leaves pieces. packs: worth compressing."""

    def __init__(self, folder: Path, stream: str, seal: Seal, *, packs: bool) -> None:
        self._folder = folder
        self._stream = stream
        self._seal = seal
        self._packs = packs
        self._held = bytearray()
        self.pieces: list[Piece] = []

    def write(self, data: bytes) -> None:
        """Add `data`. Raises StorageFull `storage_full`."""
        self._held += data
        while len(self._held) >= PIECE_BYTES:
            self._cut(bytes(self._held[:PIECE_BYTES]))
            del self._held[:PIECE_BYTES]

    def end(self) -> list[Piece]:
        """Every piece; at least one, so that a stream that is lost is missed."""
        self._cut(bytes(self._held))
        self._held.clear()
        return self.pieces

    def _cut(self, clear: bytes) -> None:
        number = len(self.pieces)
        body = _PACKED + zlib.compress(clear, 1) if self._packs else _PLAIN + clear
        data = encrypted(self._seal.data_key, body, self._seal.context(self._stream, number))
        name = f"{self._stream}.{number:05d}"
        written(self._folder / name, data)
        self.pieces.append(Piece(name, self._stream, number, len(data), hashlib.sha256(data).hexdigest()))


def read_stream(folder: Path, pieces: Iterable[Piece], seal: Seal) -> Iterator[bytes]:
    """What was written, a piece at a time. Raises Problem `backup_broken` that names the first bad piece."""
    for piece in pieces:
        yield opened(folder, piece, seal)


def opened(folder: Path, piece: Piece, seal: Seal) -> bytes:
    """The bytes of one piece, checked. Raises Problem `backup_broken`."""
    try:
        data = (folder / piece.name).read_bytes()
    except FileNotFoundError as failure:
        raise broken(f"{piece.name} is missing") from failure
    except OSError as failure:
        raise broken(f"{piece.name} cannot be read") from failure
    if len(data) != piece.size_bytes:
        raise broken(f"{piece.name} has {len(data)} bytes, not {piece.size_bytes}")
    if hashlib.sha256(data).hexdigest() != piece.sha256:
        raise broken(f"{piece.name} was changed")
    try:
        body = decrypted(seal.data_key, data, seal.context(piece.stream, piece.number))
        return zlib.decompress(body[1:]) if body[:1] == _PACKED else body[1:]
    except (Problem, zlib.error) as failure:
        raise broken(f"{piece.name} does not open") from failure


def lines_in(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream, without their ends. Raises Problem `backup_broken` when the last one has none."""
    held = b""
    for chunk in chunks:
        *whole, held = (held + chunk).split(b"\n")
        yield from whole
    if held:
        raise broken("a stream ends in the middle of a line")


def broken(what: str) -> Problem:
    """The refusal of a backup that is not what was written."""
    return Problem("backup_broken", f"the backup cannot be used: {what}")


def written(path: Path, data: bytes) -> None:
    """A new file, synced. Raises StorageFull `storage_full`."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as failure:
        raise StorageFull("storage_full", f"cannot write {path.name}: {failure.strerror}") from failure


def synced(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
