"""apps/backup: what is restored is what was there; what is broken is found; nothing is written over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.backup.conftest import (
    TENANTS,
    TURN,
    Make,
    add_document,
    fill,
    open_blobs,
    open_store,
    settings_of,
    with_keys_of,
)

from voiceagent.apps.all import process
from voiceagent.apps.backup.check import is_late, verified
from voiceagent.apps.backup.create import create
from voiceagent.apps.backup.manifest import MANIFEST, SIGNATURE
from voiceagent.apps.backup.restore import index_again, restore
from voiceagent.apps.backup.secrets import backup_keys
from voiceagent.apps.backup.shelf import forget_destroyed, keep_newest, shelved
from voiceagent.apps.cli import run
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.run import RESTORING, live
from voiceagent.apps.settings import Settings
from voiceagent.documents.parts import INGEST, file_blob
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Conflict, Forbidden, Misconfigured, NotFound, Problem
from voiceagent.ports.outbound import held_by


async def backed_up(settings: Settings, folder: Path) -> Path:
    manifest = await create(settings, backup_keys(settings, make=True), folder)
    return folder / manifest.backup_id


async def restored(backup: Path, into: Settings) -> None:
    checked = await verified(backup, backup_keys(into, make=False))
    result = await restore(into, checked)
    store = await open_store(into)
    await index_again(store, result, backup.name)
    await store.close()


async def test_a_restored_installation_is_the_one_that_was_backed_up(make: Make, tmp_path: Path) -> None:
    old = make("old")
    await fill(old)
    backup = await backed_up(old, tmp_path / "backups")
    new = with_keys_of(make("new"), old)
    await restored(backup, new)
    store, blobs = await open_store(new), await open_blobs(new)
    for tenant in TENANTS:
        async with store.begin(tenant, read_only=True) as work:
            turns = await work.conversations.turns("conv_1", last=100)
            document = await work.documents.get("doc_3")
            assert len(await work.audit.records(after=0, limit=100)) == 30
        assert [turn.asked for turn in turns] == [f"{tenant} {number}" for number in range(30)]
        assert (turns[0].timings, turns[0].citations[0].quote) == (TURN.timings, "quote")
        data = b"".join([piece async for piece in blobs.get(file_blob(tenant, document))])
        assert data == f"{tenant} document 3".encode() * 1000
        job = await store.queue.claim((INGEST,), worker="w", lease_s=30)
        assert job is not None, "documents are to be indexed again"
    await blobs.close()
    await store.close()


async def test_a_backup_of_files_can_be_restored_on_servers(make: Make, tmp_path: Path) -> None:
    """The rows are plain values: an installation may grow out of one machine by backup and restore."""
    old = settings_of(tmp_path / "embedded")
    await fill(old, turns=5, documents=1)
    backup = await backed_up(old, tmp_path / "backups")
    await restored(backup, with_keys_of(make("new"), old))


async def test_nothing_is_written_over_what_is_there(make: Make, tmp_path: Path) -> None:
    old = make("old")
    await fill(old, turns=2, documents=1)
    checked = await verified(await backed_up(old, tmp_path / "backups"), backup_keys(old, make=False))
    with pytest.raises(Conflict) as caught:
        await restore(old, checked)
    assert caught.value.code == "restore_not_empty"
    other = with_keys_of(make("other"), old)
    blobs = await open_blobs(other)
    await blobs.put("ten_a/documents/theirs", b"x")
    await blobs.close()
    with pytest.raises(Conflict):
        await restore(other, checked)
    assert not (other.data.dir / RESTORING).exists()


async def test_a_restore_that_was_stopped_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = settings_of(tmp_path / "old")
    await fill(old, turns=2, documents=1)
    backup = await backed_up(old, tmp_path / "backups")
    checked = await verified(backup, backup_keys(old, make=False))
    new = with_keys_of(settings_of(tmp_path / "new"), old)
    with monkeypatch.context() as patch:

        def stopped(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("voiceagent.adapters.store.copies.sql_copy._put", stopped)
        with pytest.raises(KeyboardInterrupt):
            await restore(new, checked)
    with pytest.raises(Conflict) as caught:
        await live(process(lambda *_: None), new)
    assert caught.value.code == "restore_unfinished", "nothing starts on half a restore"
    await restored(backup, new)


@pytest.mark.parametrize("absent", [False, True])
async def test_another_root_key_is_refused_before_anything_is_written(tmp_path: Path, absent: bool) -> None:
    old = settings_of(tmp_path / "old")
    await fill(old, turns=2, documents=1)
    checked = await verified(await backed_up(old, tmp_path / "backups"), backup_keys(old, make=False))
    new = settings_of(tmp_path / "new")
    await (await open_store(new)).close()  # makes a root key of its own
    if absent:
        new = settings_of(tmp_path / "new", **{"keys.url": f"file://{tmp_path}/absent.key"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Misconfigured) as caught:
        await restore(new, checked)
    assert caught.value.code == "root_key_wrong"
    assert sorted(tmp_path.rglob("*")) == before, "nothing was written before it was refused"


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _swapped(path: Path) -> None:
    other = path.with_name("database.00000" if path.name != "database.00000" else "objects.00000")
    shutil.copy(other, path)


def _relabelled(path: Path) -> None:
    """A manifest that was changed, with the old signature."""
    path.write_text(path.read_text().replace('"rows": {', '"rows":  {'))


def _of_later_format(path: Path) -> None:
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))


PIECES = ("database.00000", "objects.00000", "files.00000", "keys.ten_a.00000")
FAULTS: list[tuple[str, Callable[[Path], None], str]] = [
    *((name, fault, "backup_broken") for name in PIECES for fault in (_cut, _empty, _flipped, Path.unlink)),
    (MANIFEST, _empty, "backup_broken"),
    (MANIFEST, _relabelled, "backup_broken"),
    (MANIFEST, _of_later_format, "backup_newer"),
    (MANIFEST, Path.unlink, "backup_broken"),
    (SIGNATURE, _empty, "backup_broken"),
    (SIGNATURE, Path.unlink, "backup_broken"),
    ("objects.00000", _swapped, "backup_broken"),
    ("recordings.00000", Path.unlink, "backup_broken"),
]


async def test_every_fault_of_a_backup_is_found(tmp_path: Path) -> None:
    """Cut off, emptied, a bit flipped, missing, swapped, another version, another key."""
    old = settings_of(tmp_path / "old")
    await fill(old, turns=20, documents=2)
    good = await backed_up(old, tmp_path / "backups")
    keys = backup_keys(old, make=False)
    await verified(good, keys)
    found = 0
    for number, (name, fault, code) in enumerate(FAULTS):
        bad = tmp_path / f"bad{number}" / good.name
        shutil.copytree(good, bad)
        fault(bad / name)
        with pytest.raises(Problem) as caught:
            await verified(bad, keys)
        assert caught.value.code == code, (name, fault)
        found += 1
    other = settings_of(tmp_path / "other")
    with pytest.raises(Forbidden) as refused:
        await verified(good, backup_keys(other, make=True))
    assert refused.value.code == "backup_key_wrong"
    with pytest.raises(NotFound):
        await verified(tmp_path / "none", keys)
    shutil.copytree(good, tmp_path / "renamed")
    with pytest.raises(Problem):
        await verified(tmp_path / "renamed", keys)
    assert found + 3 >= 20


async def test_what_changes_while_it_is_copied_is_whole(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that is deleted between the rows and the objects costs another look at the rows, and is not in the backup."""
    old = make("old")
    await fill(old, turns=2, documents=3)
    store, blobs = await open_store(old), await open_blobs(old)
    from voiceagent.apps.backup import create as module

    copied = module.ObjectCopy.copy
    deleted = False

    async def deleting(self: module.ObjectCopy, prefix: str) -> None:
        nonlocal deleted
        if not deleted:
            deleted = True
            async with store.begin("ten_a") as work:
                document = await work.documents.get("doc_1")
                await work.documents.delete("doc_1")
            await blobs.delete(file_blob("ten_a", document))
            await add_document(store, blobs, "ten_a", 77)
        await copied(self, prefix)

    monkeypatch.setattr(module.ObjectCopy, "copy", deleting)
    manifest = await create(old, backup_keys(old, make=True), tmp_path / "backups")
    assert manifest.missing == ()
    assert manifest.tenants["ten_a"].rows["documents"] == 3
    await verified(tmp_path / "backups" / manifest.backup_id, backup_keys(old, make=False))
    await blobs.close()
    await store.close()


async def test_an_object_that_is_lost_is_told_and_does_not_stop_the_backup(tmp_path: Path) -> None:
    old = settings_of(tmp_path / "old")
    await fill(old, turns=2, documents=2)
    lost = next((old.data.dir / "blobs" / "ten_a" / "documents").iterdir())
    lost.unlink()
    manifest = await create(old, backup_keys(old, make=True), tmp_path / "backups")
    assert manifest.missing == (f"ten_a/documents/{lost.name}",)


async def test_the_newest_stay(tmp_path: Path) -> None:
    old = settings_of(tmp_path / "old")
    await fill(old, turns=1, documents=1)
    folder = tmp_path / "backups"
    made = [(await backed_up(old, folder)).name for _ in range(4)]
    _empty(folder / made[1] / MANIFEST)
    keys = backup_keys(old, make=False)
    assert keep_newest(folder, keys, 2) == [made[0]]
    assert [(one.folder.name, one.problem) for one in shelved(folder, keys)] == [
        (made[1], "backup_broken"),
        (made[2], None),
        (made[3], None),
    ]
    newest = shelved(folder, keys)[-1].manifest
    assert newest is not None
    assert is_late(newest, newest.created_at + timedelta(hours=27), 26)
    assert not is_late(newest, newest.created_at + timedelta(hours=25), 26)


async def test_keys_that_were_destroyed_go_from_every_backup(tmp_path: Path) -> None:
    old = settings_of(tmp_path / "old")
    await fill(old, turns=2, documents=1)
    folder = tmp_path / "backups"
    backup = await backed_up(old, folder)
    ring = await open_keys(old, SystemClock(), make=False)
    assert ring is not None
    await ring.destroy("ten_a")
    keys = backup_keys(old, make=False)
    assert await forget_destroyed(old, folder, keys) == 1
    assert await forget_destroyed(old, folder, keys) == 0
    assert not list(backup.glob("keys.ten_a.*"))
    new = with_keys_of(settings_of(tmp_path / "new"), old)
    await restored(backup, new)
    store = await open_store(new)
    async with store.begin("ten_b", read_only=True) as work:
        assert len(await work.conversations.turns("conv_1", last=10)) == 2
    with pytest.raises(Forbidden) as caught:
        async with store.begin("ten_a", read_only=True) as work:
            await work.conversations.turns("conv_1", last=10)
    assert caught.value.code == "keys_destroyed"
    await store.close()


async def test_no_key_and_no_word_lies_in_a_backup_in_clear(tmp_path: Path) -> None:
    old = settings_of(tmp_path / "old")
    await fill(old, turns=3, documents=1)
    backup = await backed_up(old, tmp_path / "backups")
    everything = b"".join(path.read_bytes() for path in backup.iterdir())
    for name in ("root.key", "backup.key"):
        assert (old.data.dir / name).read_bytes().strip() not in everything
    assert b"there" not in everything
    assert all(path.stat().st_mode & 0o077 == 0 for path in backup.iterdir())


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.chdir(tmp_path)
    old = settings_of(tmp_path / "old")
    asyncio.run(fill(old, turns=3, documents=1))
    capsys.readouterr()
    at = ["--dir", str(tmp_path / "backups"), "--json", "--data-dir"]
    assert run(["backup", "create", "--keep", "2", *at, str(old.data.dir)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert run(["backup", "verify", *at, str(old.data.dir)]) == 0
    assert run(["backup", "list", *at, str(old.data.dir)]) == 0
    assert run(["backup", "list", "--set", "backup.max_age_h=0.000001", *at, str(old.data.dir)]) == 4
    capsys.readouterr()
    assert run(["backup", "restore", *at, str(tmp_path / "new")]) == 2, "without the keys"
    new = with_keys_of(settings_of(tmp_path / "new"), old)
    capsys.readouterr()
    assert run(["backup", "restore", told["backup"], *at, str(new.data.dir)]) == 0
    assert json.loads(capsys.readouterr().out)["to_index"] == 2
    assert run(["audit", "verify", "--data-dir", str(new.data.dir)]) == 0
    assert run(["backup", "restore", *at, str(new.data.dir)]) == 2, "it is not empty any more"
    assert asyncio.run(_held(new)) == told["backup"]
    capsys.readouterr()
    run(["doctor", "--data-dir", str(new.data.dir), "--json"])
    assert [
        one
        for one in json.loads(capsys.readouterr().out)
        if one["what"] == "outbound" and told["backup"] in one["said"]
    ]
    for released in (True, False):
        assert run(["backup", "release", "--json", "--data-dir", str(new.data.dir)]) == 0
        assert json.loads(capsys.readouterr().out) == {"released": released}
    assert asyncio.run(_held(new)) == ""
    assert asyncio.run(_held(old)) == ""


async def _held(settings: Settings) -> str:
    store = await open_store(settings)
    try:
        return await held_by(store)
    finally:
        await store.close()


async def test_a_turn_after_the_cut_is_not_in_it(make: Make, tmp_path: Path) -> None:
    """Numbers of one moment: what is written while pages are read does not come in."""
    old = make("old")
    await fill(old, turns=3, documents=1)
    from voiceagent.adapters.store.copies.sql_copy import open_copy

    copy, store = open_copy(old.url("store")), await open_store(old)
    pages = copy.pages()
    first = await anext(pages)
    async with store.begin("ten_b") as work:
        await work.conversations.put_turn(replace(TURN, turn_id="turn_later"))
    rows = [first, *[page async for page in pages]]
    assert sum(len(page.rows) for page in rows if page.table == "turns") == 6
    await store.close()
    await copy.close()
