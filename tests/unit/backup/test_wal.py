"""apps/backup/wal.py on a real PostgreSQL: the server as it was at a second, and what cannot be used is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.patience import until
from tests.support.servers import binary, postgresql_at, psql
from tests.unit.backup.conftest import settings_of

from voiceagent.apps.backup.secrets import backup_keys
from voiceagent.apps.backup.wal import SPOOL, WAL, WalKeeper, base, recover
from voiceagent.kit.errors import Misconfigured, NotFound, Problem

WAIT_S = 60.0


@pytest.fixture
def servers() -> Iterator[Path]:
    """A folder that the server's user may use; those of the tests are closed to others again by every run that begins."""
    with tempfile.TemporaryDirectory(prefix="va-wal-") as name:
        if os.geteuid() == 0:
            shutil.chown(name, "postgres")
        yield Path(name)


async def _kept(data: Path, folder: Path, url: str) -> None:
    """Until what was written before this call lies in the backups: it has come into the spool, and the spool was sealed after that."""
    before = psql(url, "SELECT pg_current_wal_lsn()")
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        reached = psql(url, "SELECT coalesce(max(flush_lsn), '0/0') FROM pg_stat_replication")
        if psql(url, f"SELECT '{reached}'::pg_lsn >= '{before}'::pg_lsn") == "t":
            return await _sealed(data / SPOOL, folder / WAL)
        await asyncio.sleep(0.1)
    raise AssertionError("the changes did not arrive")


async def _sealed(spool: Path, kept: Path) -> None:
    def is_sealed(one: Path) -> bool:
        sealed = kept / one.name
        return sealed.exists() and sealed.stat().st_mtime_ns > one.stat().st_mtime_ns

    with suppress(FileNotFoundError):  # a whole segment leaves the spool when it is sealed
        await until(lambda: all(is_sealed(one) for one in spool.iterdir()))


async def test_the_server_is_what_it_was_at_a_second(tmp_path: Path, servers: Path) -> None:
    for tool in ("pg_basebackup", "pg_receivewal"):
        binary(tool)
    backups = tmp_path / "backups"
    with postgresql_at(servers / "old") as url:
        settings = settings_of(tmp_path / "data", **{"store.url": url})
        keys = backup_keys(settings, make=True)
        psql(url, "CREATE TABLE beats (number int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())")
        base(settings, keys, backups)
        keeper = WalKeeper(settings, keys, backups)
        keeping = asyncio.ensure_future(keeper.keep(0.2))
        for number in range(12):
            psql(url, f"INSERT INTO beats VALUES ({number})")
            await asyncio.sleep(0.25)
        moment = datetime.now(UTC)
        await asyncio.sleep(0.3)
        psql(url, "DELETE FROM beats; INSERT INTO beats VALUES (99)")
        await _kept(tmp_path / "data", backups, url)
        keeping.cancel()
        await asyncio.wait({keeping})
    recover(backups, keys, servers / "then", moment)
    with postgresql_at(servers / "then") as url:
        assert psql(url, "SELECT string_agg(number::text, ' ' ORDER BY number) FROM beats") == " ".join(
            map(str, range(12))
        )
        last = datetime.fromisoformat(psql(url, "SELECT max(at) FROM beats"))
        assert timedelta(0) <= moment - last < timedelta(seconds=WAIT_S)
    recover(backups, keys, servers / "last", None)
    with postgresql_at(servers / "last") as url:
        assert psql(url, "SELECT number FROM beats") == "99"
    with pytest.raises(Problem) as caught:
        recover(backups, keys, servers / "last", None)
    assert caught.value.code == "restore_not_empty"
    with pytest.raises(NotFound):
        recover(backups, keys, servers / "before", moment - timedelta(days=1))
    segment = next(iter((backups / WAL).iterdir()))
    segment.write_bytes(segment.read_bytes()[:-1] + b"x")
    with pytest.raises(Problem) as caught:
        recover(backups, keys, servers / "broken", moment)
    assert caught.value.code == "backup_broken"


def test_what_a_cancelled_keeper_still_seals_is_waited_for_by_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path / "data", **{"store.url": "postgresql://127.0.0.1/any"})
    keeper = WalKeeper(settings, backup_keys(settings, make=True), tmp_path / "backups")
    for folder in (tmp_path / "data" / SPOOL, tmp_path / "backups" / WAL):
        folder.mkdir(parents=True)
    (tmp_path / "data" / SPOOL / "000000010000000000000001").write_bytes(b"changes")
    begun, go_on, counts, put = threading.Event(), threading.Event(), list[int](), WalKeeper._put

    def slowly(self: WalKeeper, name: str, data: bytes) -> None:
        begun.set()
        assert go_on.wait(60)
        put(self, name, data)

    monkeypatch.setattr(WalKeeper, "_put", slowly)
    both = [threading.Thread(target=lambda: counts.append(keeper.sealed())) for _ in range(2)]
    both[0].start()
    assert begun.wait(60)
    both[1].start()
    both[1].join(0.2)  # without waiting for the first it would be at the same file now
    go_on.set()
    for one in both:
        one.join(60)
    assert sorted(counts) == [0, 1]


def test_another_store_has_no_log_of_changes(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    with pytest.raises(Misconfigured) as caught:
        base(settings, backup_keys(settings, make=True), tmp_path / "backups")
    assert caught.value.code == "store_not_postgresql"
