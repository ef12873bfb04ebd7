"""A lock between processes on a file. It dies with its holder, so no stale lock ever has to be cleared."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from voiceagent.kit.errors import Unavailable
from voiceagent.models.placing import storage_problem

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

POLL_S = 0.1


@contextmanager
def locked(path: Path, *, within_s: float) -> Iterator[None]:
    """Hold the lock at `path`. Raises Unavailable `models_busy` when another process keeps it for longer than `within_s`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("ab+")
    except OSError as error:
        raise storage_problem(error) from error
    with stream:
        _wait(stream, time.monotonic() + within_s)
        yield  # closing the file gives the lock back


def _wait(stream: IO[bytes], deadline_s: float) -> None:
    while not _taken(stream):
        if time.monotonic() >= deadline_s:
            raise Unavailable("models_busy", "another process is fetching models", retry_after_s=30.0)
        time.sleep(POLL_S)


def _taken(stream: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
