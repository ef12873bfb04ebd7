"""`voiceagent audit` and `voiceagent encryption` on a data folder: exit codes, the first bad record by name, keys that end."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from voiceagent.apps.build import opened
from voiceagent.apps.cli import run
from voiceagent.apps.config.layers import load
from voiceagent.apps.custody.anchoring import anchor_all
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.custody.signing import audit_signer
from voiceagent.apps.settings import Settings
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.identity import DEFAULT_TENANT_ID, Tenant
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Forbidden
from voiceagent.ports.store import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TURN = Turn("turn_1", "conv_1", "asked", "answered", "heard", "answered", NOW)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    asyncio.run(_filled(settings_of(data)))
    return data


def settings_of(data: Path) -> Settings:
    return load(environment={}, flags={"data.dir": str(data)}).settings


async def _store(settings: Settings) -> Store:
    keys = await open_keys(settings, SystemClock(), make=True)
    store: Store = await opened("store", settings.url("store"), keys=keys)
    return store


async def _filled(settings: Settings) -> None:
    store = await _store(settings)
    await store.migrate()
    await store.directory.add_tenant(Tenant(DEFAULT_TENANT_ID, "Default", NOW))
    async with store.begin(DEFAULT_TENANT_ID) as work:
        for number in range(5):
            await work.audit.append(AuditEntry(f"aud_{number}", NOW, "user_1", "key_created", "key_1"))
        await work.conversations.add(Conversation("conv_1", "default", "user_1", "voice", NOW, NOW))
        await work.conversations.put_turn(TURN)
    anchors = await opened("anchors", settings.url("anchors"), signer=audit_signer(settings))
    await anchor_all(store, anchors, SystemClock())
    await anchors.close()
    await store.close()


def tampered(database: Path) -> None:
    db = sqlite3.connect(database)
    db.executescript("DROP TRIGGER audit_refuses_update; UPDATE audit SET subject = 'user_2' WHERE sequence = 3;")
    db.close()


def test_a_good_log_is_told_so_and_a_bad_record_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "verify", "--data-dir", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["good"] is True
    assert (told["tenants"][0]["records"], told["tenants"][0]["anchored"]) == (5, 5)
    tampered(folder / "voiceagent.db")
    assert run(["audit", "verify", "--data-dir", str(folder), "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert told["tenants"][0]["finding"] == {"tenant_id": DEFAULT_TENANT_ID, "sequence": 3, "what": "changed"}


def test_missing_anchors_are_no_good_log(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The start of a file alone, an empty one, a given one without any."""
    kept = folder / "audit-anchors.jsonl"
    whole = kept.read_bytes()
    started = whole.splitlines(keepends=True)[0]
    for left in (b"", started):
        kept.write_bytes(left)
        assert run(["audit", "verify", "--data-dir", str(folder), "--json"]) == 4
        told = json.loads(capsys.readouterr().out)
        (tenant,) = told["tenants"]
        assert (told["good"], tenant["anchors_missing"]) == (False, True)
        assert (tenant["records"], tenant["unanchored"], tenant["finding"]) == (5, 5, None)
        assert run(["audit", "verify", "--data-dir", str(folder), "--anchors", str(kept)]) == 4
        assert "anchors are missing" in capsys.readouterr().out
    kept.write_bytes(whole)
    asyncio.run(_one_more(settings_of(folder)))
    assert run(["audit", "verify", "--data-dir", str(folder), "--json"]) == 0, "it may still get its anchor"
    assert json.loads(capsys.readouterr().out)["tenants"][0]["unanchored"] == 1


def test_a_place_for_the_old_root_key_is_looked_at_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("voiceagent.apps.custody.rotation.KNOWN_EVERYWHERE_S", 0.0)
    before = (folder / "root.key").read_bytes()
    asked = ["encryption", "rotate-root", "--data-dir", str(folder), "--aside"]
    for place in (folder / "none" / "old.key", folder):
        assert run([*asked, str(place), "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_file"
        assert (folder / "root.key").read_bytes() == before
    for moved in (1, 0):
        assert run([*asked, str(folder / f"old{moved}.key")]) == 0
        assert f"all keys are under the new root key, {moved} of them moved by this run" in capsys.readouterr().out
        monkeypatch.setattr("voiceagent.apps.commands.custody.encryption.rotate_root_key", _ended)


async def _ended(*_: object) -> int:
    """What is left to a run after one that was stopped behind its last key."""
    return 0


async def _one_more(settings: Settings) -> None:
    store = await _store(settings)
    async with store.begin(DEFAULT_TENANT_ID) as work:
        await work.audit.append(AuditEntry("aud_new", SystemClock().now(), "user_1", "key_created", "key_2"))
    await store.close()


def test_a_copy_is_checked_by_the_public_key_alone(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "key", "--data-dir", str(folder)]) == 0
    key = capsys.readouterr().out.strip()
    for name in ("voiceagent.db", "audit-anchors.jsonl"):
        shutil.copy(folder / name, tmp_path / name)
    shutil.rmtree(folder)
    database, anchors = str(tmp_path / "voiceagent.db"), str(tmp_path / "audit-anchors.jsonl")
    asked = ["audit", "verify", "--database", database, "--anchors", anchors, "--public-key"]
    assert run([*asked, key]) == 0
    assert run([*asked, "0" * 64]) == 4
    assert run([*asked, "short"]) == 2
    tampered(tmp_path / "voiceagent.db")
    capsys.readouterr()
    assert run([*asked, key]) == 4
    assert "record 3 is changed" in capsys.readouterr().out


def test_keys_are_rotated_and_destroyed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("voiceagent.apps.custody.rotation.KNOWN_EVERYWHERE_S", 0.0)

    async def read() -> tuple[Turn, ...]:
        store = await _store(settings_of(folder))
        try:
            async with store.begin(DEFAULT_TENANT_ID, read_only=True) as work:
                return await work.conversations.turns("conv_1", last=9)
        finally:
            await store.close()

    for none in (["rotate"], ["destroy", "--yes", "ten_none"]):
        assert run(["encryption", *none, "--tenant", "ten_none", "--data-dir", str(folder), "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "tenant_not_found"
    assert not (folder / "keyring" / "ten_none").exists()
    assert run(["encryption", "rotate", "--data-dir", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rewrapped"] == 2
    assert asyncio.run(read()) == (TURN,)
    asked = ["encryption", "destroy", "--data-dir", str(folder), "--tenant", DEFAULT_TENANT_ID, "--yes"]
    assert run([*asked, "ten_other"]) == 2
    assert asyncio.run(read()) == (TURN,)
    assert run([*asked, DEFAULT_TENANT_ID]) == 0
    with pytest.raises(Forbidden):
        asyncio.run(read())
    assert run(["audit", "verify", "--data-dir", str(folder)]) == 0
