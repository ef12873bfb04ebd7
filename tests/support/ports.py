"""Ports for servers that start later: drawn once on the machine, and below those that the kernel gives to outgoing connections."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_LOWEST, _HIGHEST = 20_000, 32_000
"""Linux draws the ports of outgoing connections from 32,768 on: a port of that range may be taken between the draw and the start."""

_drawn: set[int] = set()
_registry: int | None = None


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback that nobody listens on and that no other process of these tests holds or draws before this one ends."""
    return [_draw() for _ in range(count)]


def free_pair() -> int:
    """The first of two ports of that kind that follow each other."""
    while not _take(1 + (first := _draw())):
        pass
    return first


def _draw() -> int:
    while not _take(port := random.randrange(_LOWEST, _HIGHEST)):
        pass
    return port


def _take(port: int) -> bool:
    if port in _drawn or not _is_ours(port) or not _is_free(port):
        return False
    _drawn.add(port)
    return True


def _is_ours(port: int) -> bool:
    """A lock on one byte of a file, which ends with this process. The file stays open: closing it would give up every lock."""
    global _registry
    if _registry is None:
        path = Path(tempfile.gettempdir()) / f"voiceagent-ports-{os.getuid()}"
        _registry = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.lockf(_registry, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
