"""Anchors of the audit log in a file that only grows: `file:///path`. One process writes it at a time."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import threading
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

import structlog

from voiceagent.adapters.anchors.lines import Reading, hash_of, read, written
from voiceagent.domain.trail.check import Anchor
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto_signing import Signer
from voiceagent.kit.errors import Conflict, Misconfigured, NotFound, StorageFull, Unavailable

_log = structlog.get_logger(__name__)


class FileAnchors:
    """Appends signed lines, each synced before it counts. What is in the file is checked when it is opened."""

    def __init__(self, path: Path, signer: Signer, clock: Clock) -> None:
        self._keeping = threading.Lock()
        self._signer = signer
        self._clock = clock
        self._file: BinaryIO | None = _locked(path)
        try:
            reading = _checked(self._file, signer.public_hex)
            self._last = {anchor.tenant_id: anchor for anchor in reading.anchors}
            self._previous_sha256 = reading.end_sha256
            self._write(None)  # a gap in the log that follows is explained: here a process began
        except BaseException:
            self._file.close()
            raise

    async def keep(self, anchor: Anchor) -> None:
        await asyncio.to_thread(self._keep, anchor)

    async def last(self, tenant_id: str) -> Anchor | None:
        return self._last.get(tenant_id)

    async def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _keep(self, anchor: Anchor) -> None:
        """One after the other: two who look at the log at the same time would note the same records twice, which reads as a forgery."""
        with self._keeping:
            last = self._last.get(anchor.tenant_id)
            if anchor.first != (last.last if last else 0) + 1:
                raise Conflict("anchor_elsewhere", "the anchor does not follow the newest of the organisation")
            self._write(anchor)
            self._last[anchor.tenant_id] = anchor

    def _write(self, anchor: Anchor | None) -> None:
        if self._file is None:
            raise Unavailable("anchors_unavailable", "the file of the anchors is closed")
        line = written(self._signer, self._previous_sha256, anchor, self._clock.now() if anchor is None else anchor.at)
        end = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(line)
            os.fsync(self._file.fileno())
        except OSError as failure:
            self._file.truncate(end)  # half a line would make the whole lines behind it unreadable
            if failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StorageFull("storage_full", "the disk of the audit log's anchors is full") from failure
            raise Unavailable(
                "anchors_unavailable", "the audit log's anchors cannot be written", retry_after_s=1.0
            ) from failure
        self._previous_sha256 = hash_of(line)


def read_anchors(path: Path, public_hex: str) -> Reading:
    """What stands in the file, which is left alone. Raises NotFound `anchors_not_found`."""
    try:
        data = path.read_bytes()
    except OSError as failure:
        message = f"the audit log's anchors cannot be read from {path}: {failure.strerror}"
        raise NotFound("anchors_not_found", message) from failure
    return read(data[: data.rfind(b"\n") + 1].splitlines(keepends=True), public_hex)


def _locked(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "r+b", buffering=0)
    except OSError as failure:
        raise Misconfigured("anchors_path", "the audit log's anchors cannot be written") from failure
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as failure:
        file.close()
        raise Conflict("anchors_taken", "another process writes the audit log's anchors") from failure
    return file


def _checked(file: BinaryIO, public_hex: str) -> Reading:
    """What stands in the file, without the half line that a power cut may leave at its end."""
    data = file.read()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        file.truncate(whole)
    reading = read(data[:whole].splitlines(keepends=True), public_hex)
    if reading.bad_line is not None:
        _log.error("audit_anchors_broken", line=reading.bad_line)
    return reading


def open_anchors(url: str, *, signer: Signer, clock: Clock | None = None) -> FileAnchors:
    """The anchors in the file of `file:///path`. Raises Misconfigured `anchors_url` or `anchors_path`, Conflict `anchors_taken`."""
    return FileAnchors(anchors_path(url), signer, clock or SystemClock())


def anchors_path(url: str) -> Path:
    """The file that the URL names. Raises Misconfigured `anchors_url`."""
    scheme, _, path = url.partition("://")
    if scheme != "file" or not path.startswith("/") or path == "/":
        raise Misconfigured("anchors_url", "the anchors' URL is file:///FILE")
    return Path(unquote(path))
