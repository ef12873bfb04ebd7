"""Redis as Sentinels watch it and as a cluster, on free ports; what each of their URLs looks like."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.ports import free_ports
from tests.support.servers import answers, binary, running

_READY_S = 120.0
_SILENT_MS = 3_000
"""So long a primary is silent before another takes its place."""
_NOBODY_DIES_MS = 300_000
"""Where no test ends one: a busy machine that keeps a primary from answering must not cost what it was told."""


@dataclass(frozen=True)
class RedisServers:
    """url: as the product takes it.  primaries: process by port, of those that held keys at the start."""

    url: str
    primaries: dict[int, subprocess.Popen[bytes]]


@contextmanager
def sentinel_servers(silent_ms: int = _SILENT_MS) -> Iterator[RedisServers]:
    """A primary, its replica, and two Sentinels, either of which may change them over."""
    first, second, *sentinels = free_ports(4)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="va-sentinel-")))
        primary = stack.enter_context(_server(folder, first))
        stack.enter_context(_server(folder, second, "--replicaof", "127.0.0.1", str(first)))
        for port in sentinels:
            config = folder / f"{port}.conf"
            config.write_text(
                f"sentinel monitor main 127.0.0.1 {first} 1\nsentinel down-after-milliseconds main {silent_ms}\n"
                "sentinel failover-timeout main 4000\n"
            )
            stack.enter_context(_server(folder, port, config=config))
        _until(lambda: _follows(second))
        _until(lambda: all(str(second) in _asked(port, "sentinel", "replicas", "main") for port in sentinels))
        hosts = ",".join(f"127.0.0.1:{port}" for port in sentinels)
        yield RedisServers(f"redis+sentinel://{hosts}/main/0", {first: primary})


@contextmanager
def cluster_servers(silent_ms: int = _SILENT_MS) -> Iterator[RedisServers]:
    """Three primaries with a replica each. The URL names two of them: the others are learnt."""
    both = free_ports(12)
    ports, buses = both[:6], both[6:]
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="va-cluster-", ignore_cleanup_errors=True))
        )
        options = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(silent_ms)]
        processes = {
            port: stack.enter_context(
                _server(folder, port, *options, "--cluster-config-file", f"{port}.nodes", "--cluster-port", str(bus))
            )
            for port, bus in zip(ports, buses, strict=True)
        }
        nodes = [f"127.0.0.1:{port}" for port in ports]
        create = [binary("redis-cli"), "--cluster", "create", *nodes, "--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run(create, check=True, timeout=_READY_S, capture_output=True)
        _until(lambda: all("cluster_state:ok" in _asked(port, "cluster", "info") for port in ports))
        _until(lambda: sum(_follows(port) for port in ports) == 3)
        primaries = {port: processes[port] for port in ports if not _follows(port)}
        yield RedisServers("redis+cluster://" + ",".join(nodes[:2]), primaries)


@contextmanager
def _server(folder: Path, port: int, *options: str, config: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    command = [binary("redis-server"), *([str(config), "--sentinel"] if config else [])]
    command += ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), *options]
    if config is None:
        command += ["--save", "", "--appendonly", "no", "--dbfilename", f"{port}.rdb"]
    with running(command, lambda: answers(port), log=folder / f"{port}.log") as process:
        yield process


def _asked(port: int, *command: str) -> str:
    done = subprocess.run([binary("redis-cli"), "-p", str(port), *command], capture_output=True, text=True, timeout=60)
    return done.stdout


def _follows(port: int) -> bool:
    """Whether the server is a replica that has all that its primary has."""
    return "master_link_status:up" in _asked(port, "info", "replication")


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_S
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError("the servers of Redis did not find each other")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def sentinel_url() -> Iterator[str]:
    """Sentinels of one primary for the session."""
    with sentinel_servers(_NOBODY_DIES_MS) as servers:
        yield servers.url


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """One cluster for the session."""
    with cluster_servers(_NOBODY_DIES_MS) as servers:
        yield servers.url
