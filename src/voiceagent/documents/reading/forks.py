"""The service's side of the fork server: starts it, asks for children, starts another when it has died. Reads no file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import weakref
from functools import cache
from typing import IO

from voiceagent.kit.errors import Unavailable

_ATTEMPTS = 2
_STOP_S = 2.0
_END_S = 10.0
"""Longest wait for a child that is being killed. It takes milliseconds; a machine that swaps may need more."""

_TOLD_BYTES = 64


class Child:
    """A forked child from here. line: a socket with its request and its answer.  The child lives as long as the leash is held."""

    def __init__(self, line: socket.socket, leash: socket.socket) -> None:
        self.line = line
        self._leash = leash

    async def end(self) -> tuple[int, float]:
        """Kill it with everything that it started, unless it has ended, and wait for that: exit code and processor seconds.

        A child that a signal ended has minus the signal's number. Raises Unavailable `sandbox_unavailable` when the fork server died.
        """
        self.line.close()
        try:
            self._leash.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_END_S):
                told = await asyncio.get_running_loop().sock_recv(self._leash, _TOLD_BYTES)
            code, cpu_s = told.split()
            return int(code), float(cpu_s)
        except (OSError, ValueError, TimeoutError) as error:
            raise _unavailable() from error
        finally:
            self._leash.close()


class ForkServer:
    """One process that has imported the readers and forks a child a file, in milliseconds. Started when first needed.

    It is given no key, socket, database or environment of this process; the files pass through it unread.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._stop: weakref.finalize[..., ForkServer] | None = None
        self._lock = threading.Lock()

    @property
    def process_id(self) -> int | None:
        """Its process now; None before the first child."""
        return None if self._process is None else self._process.pid

    def fork(self, file: IO[bytes]) -> Child:
        """A child whose file this is. Raises Unavailable `sandbox_unavailable` when there can be none."""
        line, line_end = socket.socketpair()
        leash, leash_end = socket.socketpair()
        with line_end, leash_end:
            try:
                self._ask([file.fileno(), line_end.fileno(), leash_end.fileno()])
            except OSError as error:
                line.close()
                leash.close()
                raise _unavailable() from error
        line.setblocking(False)
        leash.setblocking(False)
        return Child(line, leash)

    def _ask(self, handles: list[int]) -> None:
        with self._lock:
            for left in reversed(range(_ATTEMPTS)):
                try:
                    socket.send_fds(self._running(), [b"f"], handles)
                except OSError:  # it has died since the last time
                    self._forget()
                    if not left:
                        raise
                else:
                    return

    def _running(self) -> socket.socket:
        if self._control is None or self._process is None or self._process.poll() is not None:
            self._forget()
            control, theirs = socket.socketpair()
            with theirs:
                self._process = _started(theirs)
            self._control = control
            self._stop = weakref.finalize(self, _stopped, control, self._process)
        return self._control

    def _forget(self) -> None:
        if self._stop is not None:
            self._stop()
        self._process = self._control = self._stop = None

    def close(self) -> None:
        """End it; children under way end with it. The next file starts another."""
        with self._lock:
            self._forget()


@cache
def shared() -> ForkServer:
    """The fork server of this process: every sandbox may use the same, nothing is left in it."""
    return ForkServer()


def _started(control: socket.socket) -> subprocess.Popen[bytes]:
    # In this process's session: another one would have a share of the processors of its own.
    return subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", "-m", "voiceagent.documents.parse"],
        stdin=control.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath, "OMP_THREAD_LIMIT": "1"},
        cwd="/",
    )


def _stopped(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()  # which ends it, and with it every child
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_S)
        return
    process.kill()
    process.wait()


def _unavailable() -> Unavailable:
    return Unavailable("sandbox_unavailable", "no process can be started to read the file")
