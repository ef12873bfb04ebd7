"""The life of a process: guards, data folder, parts, migration, servers, ready, signals, drain. In this order, each wait bounded."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import structlog

from voiceagent.apps.parts import Parts
from voiceagent.apps.settings import Settings
from voiceagent.kit.errors import Conflict, DeadlineExceeded, Misconfigured, StorageFull
from voiceagent.kit.retry import retried
from voiceagent.web.serve import Listener, Servers
from voiceagent.web.vital import vital_listener

FREE_BYTES = 64 * 2**20
"""Less room than this on the data folder's disk and nothing starts: what callers say could not be stored."""

EXIT_AT_ONCE = 130
RESTORING = ".restoring"
"""In the data folder while a restore is not yet whole: nothing starts on it."""
T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Process:
    """What one process runs: the ports that it opens, and how servers and background work are made from them.

    apart: the other services run in processes of their own.
    announce is called once everything answers, with the parts and what `prepare` returned.
    """

    name: str
    ports: tuple[str, ...]
    compose: Callable[[Parts], Awaitable[Sequence[Listener]]]
    prepare: Callable[[Parts], Awaitable[Any]] | None = None
    announce: Callable[[Parts, Any], None] | None = None
    apart: bool = True


def leave() -> NoReturn:
    """End this process now that all is closed: taking the interpreter apart costs a second of a core, which its successor needs."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


async def live(process: Process, settings: Settings, origins: Mapping[str, str] | None = None) -> None:
    """Start, tell, serve until SIGINT or SIGTERM, drain. A second signal ends the process at once.

    origins: where each setting that is not a default comes from.
    Raises Misconfigured, StorageFull and DeadlineExceeded problems that name what to do.
    """
    _refuse_half(settings.data.dir.expanduser())
    stop = asyncio.Event()
    _own_signals(stop)
    async with data_folder(settings.data.dir, process.name), _parts(process, settings, origins) as parts:
        starting = asyncio.create_task(_start(process, parts))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting}, timeout=settings.server.drain_s)
            return
        servers = await starting
        await _serve(parts, servers, stopping)


async def _start(process: Process, parts: Parts) -> Servers:
    server = parts.settings.server
    try:
        async with asyncio.timeout(server.ready_s):
            await parts.open(*process.ports)
            if "store" in process.ports:
                await retried(parts.store.migrate, within_s=server.ready_s)
            prepared = await process.prepare(parts) if process.prepare else None
            listeners = list(await process.compose(parts))
            if server.health_port:
                listeners.append(vital_listener(listeners[:], server.health_port, server.internal_host))
            servers = Servers(listeners, drain_s=server.drain_s)
            await servers.start()
    except TimeoutError as error:
        raise DeadlineExceeded(
            "start_deadline", f"not ready after {server.ready_s:g} s (server.ready_s); `voiceagent doctor` may tell why"
        ) from error
    _log.info("ready", process=process.name, ports=list(servers.ports))
    await parts.announce(process.name)
    if process.announce:
        process.announce(parts, prepared)
    return servers


async def _serve(parts: Parts, servers: Servers, stopping: asyncio.Task[Any]) -> None:
    failing = asyncio.create_task(servers.wait())
    await asyncio.wait({failing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    _log.info("draining")
    servers.retire()
    await parts.retire()
    await parts.drain()
    await servers.stop()
    await failing


def _refuse_half(folder: Path) -> None:
    """A restore that was stopped has left half an installation: nobody may be served from it."""
    if (folder / RESTORING).exists():
        raise Conflict(
            "restore_unfinished", f"a restore into {folder} did not end: run `voiceagent backup restore` again"
        )


def _own_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def told() -> None:
        if stop.is_set():
            os._exit(EXIT_AT_ONCE)  # the caller insists: no drain, no clean-up
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)


@asynccontextmanager
async def _parts(
    process: Process, settings: Settings, origins: Mapping[str, str] | None = None
) -> AsyncIterator[Parts]:
    parts = Parts(settings, apart=process.apart, origins=origins)
    _ = parts.service_keys  # a missing secret is told before anything is opened
    try:
        yield parts
    finally:
        await parts.close()


@asynccontextmanager
async def data_folder(folder: Path, name: str) -> AsyncIterator[Path]:
    """The data folder: made, with room, and held by one process called `name` alone.

    Raises Misconfigured `data_dir_not_writable` or `already_running`, StorageFull `storage_full`.
    """
    lock = _locked(folder, name)
    try:
        yield folder
    finally:
        os.close(lock)


def own_folder(folder: Path) -> Path:
    """The data folder, made for this user alone where it is not there yet. Raises Misconfigured `data_dir_not_writable`."""
    folder = folder.expanduser()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return folder


def _unwritable(folder: Path, error: OSError) -> Misconfigured:
    message = f"the data folder {folder} cannot be written ({error.strerror}); choose another with --data-dir"
    return Misconfigured("data_dir_not_writable", message)


def _locked(folder: Path, name: str) -> int:
    folder = folder.expanduser()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(folder).free
        if free_bytes < FREE_BYTES:
            raise _full(folder, free_bytes)
        lock = os.open(folder / f".lock-{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(folder, 0) from error
        raise _unwritable(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        message = (
            f"another voiceagent ({name}) already runs on {folder}; stop it, or give this one its own with --data-dir"
        )
        raise Misconfigured("already_running", message) from error
    return lock


def _full(folder: Path, free_bytes: int) -> StorageFull:
    return StorageFull(
        "storage_full", f"only {free_bytes // 2**20} MB are free for {folder}; free some and start again"
    )
