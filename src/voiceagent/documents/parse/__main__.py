"""The fork server: `python -I -m voiceagent.documents.parse`. It has every reader imported, forks a child a file, and reads none itself.

The control socket is its standard input. Each request is one byte with three handles: the file, the line (a socket on which the child finds its
request and answers), the leash. A child is killed and waited for when its leash is let go of; the leash then tells its exit code and processor seconds.
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import NoReturn

from voiceagent.documents.parse import jail
from voiceagent.documents.parse.blocks import Task
from voiceagent.documents.parse.child import READERS, read_one
from voiceagent.documents.parse.turns import Reading, Turns

_ENCODINGS = (
    "ascii cp437 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 latin-1 iso8859-2 iso8859-5 iso8859-7 iso8859-9 iso8859-15 koi8-r "
    "utf-8 utf-8-sig utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be unicode-escape raw-unicode-escape "
    "shift_jis euc-jp iso2022_jp euc-kr gb18030 gb2312 gbk big5 mac-roman"
).split()
"""Python loads an encoding when it is first needed; behind the locks it no longer can."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _KEPT_BYTES = -1, -3, 64 * 1024 * 1024
"""Of glibc's mallopt. Memory that was freed stays with the child for its next page: the system hands out each piece only once."""

_HANDLES = 3
_REQUEST_BYTES = 65_536
_TICK_S = 0.02
_LONG_S, _LONG_NICENESS = 0.5, 3
"""A file that has used so many processor seconds gives way to the service, too. With a niceness of 6 and more a machine that is busy with other work
starves honest long files until their time is over."""

_LEAST_PRIORITY = 19
_SAMPLES = {
    "html": b"<html><body><p>A</p></body></html>",
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj 3 0 obj<</Type/Page/Parent 2 0 R"
    b"/MediaBox[0 0 99 99]/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>/Contents 4 0 R>>endobj 4 0 obj<</Length 28>>"
    b"stream\nBT /F 9 Tf 9 9 Td (A) Tj ET\nendstream endobj trailer<</Root 1 0 R>>",
}
"""Read once before any child is made: what the libraries load when first used, they cannot load behind the locks."""


@dataclass(slots=True)
class _Held:
    """A child that runs, stands still or has ended, and is not yet let go of."""

    leash: socket.socket
    reading: Reading
    has_ended: bool = False
    is_doomed: bool = False
    stands: bool = False
    is_long: bool = False


class Server:
    """Children by process id. One thread, no file of its own, nothing of one child left for the next."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, _Held] = {}
        self._turns = Turns(
            (os.cpu_count() or 1) - 1
        )  # with the guest, all; where none is needed, one is left to the service
        self._events = selectors.DefaultSelector()
        self._own_niceness = os.getpriority(os.PRIO_PROCESS, 0)
        self._woken, waker = socket.socketpair()
        self._woken.setblocking(False)
        waker.setblocking(False)
        self._waker = waker
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service; this ends when the service lets go
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._events.register(control, selectors.EVENT_READ)
        self._events.register(self._woken, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until the control socket closes; then every child goes, too."""
        while True:
            for key, _ in self._events.select(_TICK_S if self._must_look() else None):
                if key.fileobj is self._control:
                    if not self._accept():
                        self._kill_all()
                        return
                elif key.fileobj is self._woken:
                    self._woken.recv(4_096)
                else:
                    self._doom(key.data)
            self._reap()
            self._give_turns()

    def _accept(self) -> bool:
        asked, handles, _, _ = socket.recv_fds(self._control, 1, _HANDLES)
        if not asked:
            return False
        if len(handles) != _HANDLES:
            for handle in handles:
                os.close(handle)
            return True
        file, line, leash = handles
        try:
            process_id = os.fork()
        except OSError:  # too many processes, or no memory: the closed line and leash say so
            for handle in handles:
                os.close(handle)
            return True
        if process_id == 0:
            _become_child(file, line)
        os.close(file)
        os.close(line)
        held = _Held(socket.socket(fileno=leash), Reading(process_id, ran_s=time.monotonic()))
        self._children[process_id] = held
        self._events.register(held.leash, selectors.EVENT_READ, process_id)
        return True

    def _doom(self, process_id: int) -> None:
        """Nobody waits for the child any more. It is not reaped before, so its number still is its own."""
        held = self._children[process_id]
        held.is_doomed = True
        self._events.unregister(held.leash)
        _signal(process_id, signal.SIGKILL)

    def _reap(self) -> None:
        for process_id, held in self._children.items():
            held.has_ended = held.has_ended or _has_ended(process_id)
        for process_id in [process_id for process_id, held in self._children.items() if held.is_doomed]:
            ended, status, used = os.wait4(process_id, os.WNOHANG)
            if ended:
                held = self._children.pop(process_id)
                told = f"{os.waitstatus_to_exitcode(status)} {used.ru_utime + used.ru_stime:.3f}"
                with contextlib.suppress(OSError):  # the service has died or no longer cares
                    held.leash.sendall(told.encode())
                held.leash.close()

    def _at_work(self) -> dict[int, _Held]:
        return {
            process_id: held for process_id, held in self._children.items() if not (held.is_doomed or held.has_ended)
        }

    def _must_look(self) -> bool:
        """Whether time changes anything: more want to run than may, or one will have run for long."""
        at_work = self._at_work()
        return len(at_work) > self._turns.seats or any(held.stands or not held.is_long for held in at_work.values())

    def _give_turns(self) -> None:
        at_work = self._at_work()
        for process_id, held in at_work.items():
            held.reading.used_s = jail.cpu_used_s(process_id)
            if held.reading.used_s >= _LONG_S and not held.is_long:
                held.is_long = True
                self._lower(process_id)
        running = self._turns.chosen((held.reading for held in at_work.values()), time.monotonic())
        for process_id, held in at_work.items():
            stands = process_id not in running
            if stands != held.stands:
                held.stands = stands
                _signal(process_id, signal.SIGSTOP if stands else signal.SIGCONT)

    def _lower(self, process_id: int) -> None:
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            os.setpriority(os.PRIO_PGRP, process_id, min(self._own_niceness + _LONG_NICENESS, _LEAST_PRIORITY))

    def _kill_all(self) -> None:
        for process_id in self._children:
            _signal(process_id, signal.SIGKILL)
        for process_id in self._children:
            os.waitpid(process_id, 0)


def _has_ended(process_id: int) -> bool:
    """Whether the child is over, without taking its number from it. Systems that cannot tell count it until it is let go of."""
    return hasattr(os, "waitid") and os.waitid(os.P_PID, process_id, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal(process_id: int, number: signal.Signals) -> None:
    for send in (os.killpg, os.kill):  # the group is there once the child has made it
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(process_id, number)


def _become_child(file: int, line: int) -> NoReturn:
    """From here on a child: a group of its own, two handles, nothing of the server's. It never returns to the server's code."""
    try:
        os.setpgid(0, 0)  # to be killed whole; not a session, which would have a share of the CPU of its own
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(file, 0, inheritable=False)  # neither is 0 or 1: the server keeps those
        os.dup2(line, 1, inheritable=False)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        with open(0, "rb", buffering=0) as whole, open(1, "rb", closefd=False) as request, open(1, "wb") as out:
            read_one(whole, request.readline(_REQUEST_BYTES), out)
    except BaseException:  # noqa: BLE001 - whatever it was, the child must not go on as a second server
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Load all that a reader may need, lock this process in as far as it can be, serve."""
    with contextlib.suppress(AttributeError):  # another C library
        for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(option, _KEPT_BYTES)
    for name in _ENCODINGS:
        codecs.lookup(name)
    for format_name, sample in _SAMPLES.items():
        sum(len(blocks) for blocks in READERS[format_name](Task(sample)))
    jail.enter_server()
    gc.collect()
    gc.freeze()  # children touch none of it, so its memory stays shared
    Server(socket.socket(fileno=sys.stdin.fileno())).run()


if __name__ == "__main__":
    main()
