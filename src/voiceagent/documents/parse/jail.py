"""Locks the child process in before it reads a hostile file: limits, no network, no files, no new processes, another user.

Limits hold on every POSIX system. On Linux: Landlock (files), seccomp (system calls), namespaces and another user id when allowed.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
import time
from dataclasses import dataclass
from math import inf

from voiceagent.documents.parse.blocks import Limits

_NOBODY = 65_534
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x0800_0000, 0x1000_0000, 0x4000_0000

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # the same numbers on every architecture
_LANDLOCK_VERSION_FLAG, _LANDLOCK_PATH_BENEATH = 1, 1
_FS_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_FS_EXECUTE, _FS_READ_FILE, _FS_READ_DIR = 1, 4, 8
_PROGRAM_FOLDERS = ("/usr", "/lib", "/lib64", "/opt/homebrew", "/etc/ld.so.cache")

_AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_X32_BIT = 0x4000_0000
_ALLOW, _DENY, _KILL = 0x7FFF_0000, 0x0005_0001, 0x8000_0000  # deny answers EPERM
# Linux system call numbers, from the kernel's tables for x86-64 (arch/x86/entry/syscalls/syscall_64.tbl) and arm64 (asm-generic/unistd.h).
_NEW_PROCESSES = {"x86_64": "56 57 58 59 322 435", "aarch64": "220 221 281 435"}
_FORBIDDEN = {
    # In both lines: sockets | ptrace, process memory | mounts, roots, namespaces | kernel modules, kexec, bpf, perf | keys |
    # io_uring, open by handle, userfaultfd | signals | memfd, pidfd | swap, reboot, host name | making directories, links, devices |
    # priority, processors and memory of other processes, process groups | shared memory, semaphores, message queues.
    "x86_64": "41 42 43 44 46 49 50 53 288 307 101 310 311 165 166 155 161 308 272 175 176 313 246 320 321 298 248 249 250 "
    "425 426 427 304 323 62 200 234 129 297 319 434 438 424 167 168 169 170 171 83 86 88 133 259 "
    "141 203 144 142 314 251 279 256 312 109 112 29 64 68 240",
    "aarch64": "198 203 202 206 211 200 201 199 242 269 117 270 271 40 39 41 51 268 97 105 106 273 104 294 280 241 217 218 219 "
    "425 426 427 265 282 129 130 131 138 240 279 434 438 424 224 225 142 161 162 33 34 36 37 "
    "140 122 119 118 274 30 239 238 272 154 157 194 190 186 180",
}
_OWN_ONLY = {"x86_64": 302, "aarch64": 261}
"""prlimit64: of this process only. All children have one user, and that is all that it asks for."""


@dataclass(frozen=True, slots=True)
class Jail:
    """What holds on this machine."""

    landlock: bool
    seccomp: bool
    no_network_namespace: bool
    other_user: bool


def enter(limits: Limits, *, may_execute: bool = False) -> Jail:
    """Lock this process in for good. may_execute: it may start programs, locked in as well (the recogniser of scanned pages)."""
    _set_limits(limits)
    if not sys.platform.startswith("linux"):
        return Jail(landlock=False, seccomp=False, no_network_namespace=False, other_user=False)
    libc = ctypes.CDLL(None, use_errno=True)
    server = os.getppid()
    other_user, namespaced = _leave(libc)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # after the change of user, which would undo it
    if os.getppid() != server:
        os._exit(1)
    landlock = _landlock(libc, may_execute)
    return Jail(landlock, _seccomp(libc, may_execute), namespaced, other_user)


def enter_server() -> None:
    """Lock in the process that forks the readers as far as it can be: another user, no network, no files but programs that readers start."""
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        _leave(libc)
        _landlock(libc, may_execute=True)


def cpu_used_s(process_id: int) -> float:
    """Processor seconds of a child that has not been waited for, without those of its own children; infinite where the system does not tell."""
    clock = ctypes.c_int()
    try:
        if ctypes.CDLL(None).clock_getcpuclockid(process_id, ctypes.byref(clock)) == 0:
            return time.clock_gettime(clock.value)
    except (AttributeError, OSError):  # not on macOS; or it has ended
        return inf
    return inf


def _leave(libc: ctypes.CDLL) -> tuple[bool, bool]:
    """Leave user, network and shared memory behind: whether it is another user now, and on a network of its own."""
    other_user = _drop_root()
    alone = _CLONE_NEWNET | _CLONE_NEWIPC
    # A child of a server that did the same has the right to the second, and may no longer do the first.
    namespaced = libc.unshare(_CLONE_NEWUSER | alone) == 0 or libc.unshare(alone) == 0
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return other_user, namespaced


def _set_limits(limits: Limits) -> None:
    wanted = [
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ]
    for name, value in wanted:
        hard = resource.getrlimit(name)[1]
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(name, (ceiling, ceiling))
        except (ValueError, OSError):  # macOS does not know every limit; the parent's clock still ends the child
            continue


def _drop_root() -> bool:
    if os.geteuid() != 0:
        return os.geteuid() == _NOBODY
    try:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    except OSError:  # a container without these capabilities; the other locks hold
        return False
    return True


def _landlock(libc: ctypes.CDLL, may_execute: bool) -> bool:
    """No file may be touched: everything was imported before. A program that may start reads what lies beside it, nothing else."""
    abi = libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION_FLAG)
    if abi < 1:
        return False
    handled = ctypes.c_uint64(_FS_RIGHTS_BY_ABI[min(abi, 5)])
    ruleset = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    if ruleset < 0:
        return False
    for path in _PROGRAM_FOLDERS if may_execute else ():
        _allow_beneath(libc, ruleset, path, _FS_READ_FILE | _FS_READ_DIR | _FS_EXECUTE)
    locked: bool = libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return locked


def _allow_beneath(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # it does not exist here, so nothing needs it
        return
    if not os.path.isdir(path):
        rights &= ~_FS_READ_DIR
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, handle))
    libc.syscall(_LANDLOCK_ADD, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0)
    os.close(handle)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def _seccomp(libc: ctypes.CDLL, may_execute: bool) -> bool:
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        return False
    forbidden = _FORBIDDEN[machine] if may_execute else f"{_FORBIDDEN[machine]} {_NEW_PROCESSES[machine]}"
    code = _filter(_AUDIT_ARCH[machine], [int(number) for number in forbidden.split()], _OWN_ONLY[machine])
    program = _Program(len(code) // 8, code)
    installed: bool = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0
    return installed


def _filter(arch: int, forbidden: list[int], own_only: int) -> bytes:
    """Classic BPF over struct seccomp_data (number at 0, architecture at 4, arguments from 16): forbidden calls answer EPERM, other ABIs are killed.

    own_only: a call whose first argument is a process id; 0, this process, is allowed.
    """
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06

    def step(code: int, jump_true: int, jump_false: int, value: int) -> bytes:
        return struct.pack("=HBBI", code, jump_true, jump_false, value)

    steps = [step(load, 0, 0, 4), step(equal, 1, 0, arch), step(answer, 0, 0, _KILL), step(load, 0, 0, 0)]
    steps += [step(at_least, 0, 1, _X32_BIT), step(answer, 0, 0, _KILL)]
    for number in forbidden:
        steps += [step(equal, 0, 1, number), step(answer, 0, 0, _DENY)]
    steps += [step(equal, 0, 3, own_only), step(load, 0, 0, 16), step(equal, 1, 0, 0), step(answer, 0, 0, _DENY)]
    steps.append(step(answer, 0, 0, _ALLOW))
    return b"".join(steps)
