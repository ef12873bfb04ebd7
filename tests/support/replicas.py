"""A real PostgreSQL and a copy that follows it by streaming replication, made for one test module."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.servers import _as_postgres, _postgresql_folders, binary, postgresql_at, psql

_LOGGED = (
    "log_statement=all",
    "log_line_prefix=%a|",
    "logging_collector=on",
    "log_directory=said",
    "log_filename=said.log",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """URLs of the database `postgres` on both, and where the statements of each are written down."""

    primary: str
    replica: str
    primary_log: Path
    replica_log: Path

    def pause(self) -> None:
        """The copy receives and no longer applies."""
        psql(self.replica, "SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        psql(self.replica, "SELECT pg_wal_replay_resume()")


@contextmanager
def postgresql_pair() -> Iterator[Pair]:
    """Both run for the length of the block, and write down every statement with the application's name before it."""
    with tempfile.TemporaryDirectory(prefix="va-pair-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        with postgresql_at(folder / "primary", *_LOGGED) as primary:
            port = urlsplit(primary).port
            copy = [
                binary("pg_basebackup", *_postgresql_folders()),
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
            ]
            copy += [
                "-U",
                "postgres",
                "-D",
                str(folder / "replica"),
                "-R",
                "-X",
                "stream",
                "--checkpoint=fast",
                "--no-sync",
            ]
            subprocess.run(_as_postgres(copy), check=True, capture_output=True, timeout=300)
            shutil.rmtree(folder / "replica" / "said", ignore_errors=True)
            with postgresql_at(folder / "replica", *_LOGGED) as replica:
                yield Pair(primary, replica, folder / "primary/said/said.log", folder / "replica/said/said.log")
