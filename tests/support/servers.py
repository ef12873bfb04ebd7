"""Real servers for tests, each started once a session on a free port, from binaries on PATH or in .cache/bin; absent: skipped by name.

As a plugin-free module its fixtures are imported by the test files that need them.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from tests.support.ports import free_pair, free_ports

_CACHE = Path(__file__).parents[2] / ".cache" / "bin"
READY_S = 120.0

S3_USER, S3_SECRET = "tester", "testtesttest"
BUCKET = "objects"
WEAVIATE_KEY = "test-key"


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """Linux: a server does not outlive tests that were killed. The number is PR_SET_PDEATHSIG."""
    if sys.platform == "linux":
        _libc.prctl(1, signal.SIGKILL)


def binary(name: str, *folders: str) -> str:
    """The path of a program; skips the test when the machine lacks it."""
    path = os.pathsep.join([str(_CACHE), os.environ.get("PATH", ""), *folders])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"missing: server {name} (not on PATH, not in .cache/bin)")
    return found


@contextmanager
def running(
    command: list[str], is_ready: Callable[[], bool], *, log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process for the length of the block, killed with its group at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | (env or {}),
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    try:
        deadline = time.monotonic() + READY_S
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2_000:]}")
            time.sleep(0.05)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
        _await_group_gone(process.pid)


def _await_group_gone(group: int) -> None:
    """What the process started dies with it, but a moment later."""
    deadline = time.monotonic() + 30
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.01)


def answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers_http(url: str) -> bool:
    """Whether the URL answers with a success, whoever signed its certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=10, context=context) as response:
            return bool(200 <= response.status < 300)
    except OSError:
        return False


def _as_postgres(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def _postgresql_folders() -> list[str]:
    return [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]


@contextmanager
def postgresql_server(*options: str) -> Iterator[str]:
    """A PostgreSQL server; its URL names the superuser `postgres` and the database `postgres`. options: `name=value` settings."""
    with tempfile.TemporaryDirectory(prefix="va-pg-", ignore_cleanup_errors=True) as name:
        if os.geteuid() == 0:
            shutil.chown(name, "postgres")
        with postgresql_at(Path(name) / "data", *options) as url:
            yield url


@contextmanager
def postgresql_at(data: Path, *options: str) -> Iterator[str]:
    """A PostgreSQL server on the cluster in `data`, which is made when it is not there; killed at the end, as if the machine failed."""
    initdb, postgres = (os.path.realpath(binary(name, *_postgresql_folders())) for name in ("initdb", "postgres"))
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="va-pg-run-", ignore_cleanup_errors=True) as name:
        if os.geteuid() == 0:
            shutil.chown(name, "postgres")
        if not data.exists():
            create = [initdb, "-D", str(data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C"]
            subprocess.run(_as_postgres([*create, "--no-sync"]), check=True, capture_output=True)
        (data / "postmaster.pid").unlink(missing_ok=True)  # of one that was killed
        settings = ["shared_buffers=32MB", "max_connections=60", *options]
        command = [postgres, "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", name]
        command += [part for setting in settings for part in ("-c", setting)]
        with running(_as_postgres(command), lambda: answers(port), log=Path(name) / "log"):
            wait_for_queries(port)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


def wait_for_queries(port: int) -> None:
    """Returns when the PostgreSQL there takes queries: it listens before that."""
    command = [binary("pg_isready", *_postgresql_folders()), "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + READY_S
    while subprocess.run(command, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL listens but takes no queries")
        time.sleep(0.05)


def psql(url: str, sql: str) -> str:
    """What `sql` prints when the server's superuser runs it."""
    command = [binary("psql", *_postgresql_folders()), url, "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", sql]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """One PostgreSQL server for the session; make databases of your own with `fresh_database`."""
    with postgresql_server() as url:
        yield url


def fresh_database(server_url: str, name: str) -> str:
    """The URL of a new, empty database on the server."""
    psql(server_url, f"CREATE DATABASE {name}")
    return server_url.rpartition("/")[0] + f"/{name}"


@contextmanager
def redis_server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis server without persistence: its URL and its process."""
    program = binary("redis-server")
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="va-redis-") as folder:
        command = [
            program,
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--dir",
            folder,
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        with running(command, lambda: answers(port), log=Path(folder) / "log") as process:
            yield f"redis://127.0.0.1:{port}/0", process


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """One Redis server for the session."""
    with redis_server() as (url, _):
        yield url


@contextmanager
def minio_server() -> Iterator[str]:
    """A MinIO with the bucket BUCKET; the URL as open_blobs takes it."""
    program = binary("minio")
    port, console = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="va-minio-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "data" / BUCKET).mkdir(parents=True)
        command = [program, "server", "--quiet", "--address", f"127.0.0.1:{port}"]
        command += ["--console-address", f"127.0.0.1:{console}", f"{folder}/data"]
        env = {"MINIO_ROOT_USER": S3_USER, "MINIO_ROOT_PASSWORD": S3_SECRET, "HOME": folder}
        health = f"http://127.0.0.1:{port}/minio/health/ready"
        with running(command, lambda: answers_http(health), log=Path(folder) / "log", env=env):
            yield f"s3://{BUCKET}?endpoint=http://127.0.0.1:{port}&region=us-east-1"


@pytest.fixture(scope="session")
def minio_url() -> Iterator[str]:
    """One MinIO for the session, with the bucket BUCKET; the URL as open_blobs takes it."""
    with minio_server() as url:
        yield url


@pytest.fixture(scope="session")
def versitygw_url() -> Iterator[str]:
    """One versitygw for the session, with the bucket BUCKET; the URL as open_blobs takes it."""
    program = binary("versitygw")
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="va-versity-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "data" / BUCKET).mkdir(parents=True)
        (Path(folder) / "versions").mkdir()
        command = [
            program,
            "--port",
            f"127.0.0.1:{port}",
            "posix",
            "--versioning-dir",
            f"{folder}/versions",
            f"{folder}/data",
        ]
        env = {"ROOT_ACCESS_KEY": S3_USER, "ROOT_SECRET_KEY": S3_SECRET}
        with running(command, lambda: answers(port), log=Path(folder) / "log", env=env):
            yield f"s3://{BUCKET}?endpoint=http://127.0.0.1:{port}&region=us-east-1"


@contextmanager
def weaviate_server() -> Iterator[str]:
    """A Weaviate: weaviate://127.0.0.1:PORT?grpc=PORT, its API key is WEAVIATE_KEY."""
    program = binary("weaviate")
    port, grpc, raft, raft_rpc = free_ports(4)
    gossip = free_pair()
    with tempfile.TemporaryDirectory(prefix="va-weaviate-", ignore_cleanup_errors=True) as folder:
        env = {
            "PERSISTENCE_DATA_PATH": f"{folder}/data",
            "DEFAULT_VECTORIZER_MODULE": "none",
            "ENABLE_MODULES": "",
            "CLUSTER_HOSTNAME": "node1",
            "RAFT_BOOTSTRAP_EXPECT": "1",
            "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
            "GRPC_PORT": str(grpc),
            "CLUSTER_GOSSIP_BIND_PORT": str(gossip),
            "CLUSTER_DATA_BIND_PORT": str(gossip + 1),
            "RAFT_PORT": str(raft),
            "RAFT_INTERNAL_RPC_PORT": str(raft_rpc),
            "DISABLE_TELEMETRY": "true",
            "GO_PROFILING_DISABLE": "true",
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
            "AUTHENTICATION_APIKEY_ENABLED": "true",
            "AUTHENTICATION_APIKEY_ALLOWED_KEYS": WEAVIATE_KEY,
            "AUTHENTICATION_APIKEY_USERS": "admin",
            "AUTHORIZATION_ADMINLIST_ENABLED": "true",
            "AUTHORIZATION_ADMINLIST_USERS": "admin",
        }
        command = [program, "--host", "127.0.0.1", "--port", str(port), "--scheme", "http"]
        health = f"http://127.0.0.1:{port}/v1/.well-known/ready"
        with running(command, lambda: answers_http(health), log=Path(folder) / "log", env=env):
            yield f"weaviate://127.0.0.1:{port}?grpc={grpc}"


@pytest.fixture(scope="session")
def weaviate_url() -> Iterator[str]:
    """One Weaviate for the session."""
    with weaviate_server() as url:
        yield url
