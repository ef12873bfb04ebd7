"""The first start makes tenant, owner and keys once; later starts find them."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from voiceagent.adapters.store.sql import open_store
from voiceagent.apps.cli import run
from voiceagent.apps.config.layers import load
from voiceagent.apps.first_start import Credentials, first_start
from voiceagent.apps.keyring import access_keys, service_keys
from voiceagent.apps.run import data_folder
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.gateway.identity.passwords import Passwords
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.errors import Misconfigured
from voiceagent.ports.store import Store


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = open_store("sqlite://")
    await opened.migrate()
    yield opened
    await opened.close()


async def begun(store: Store, folder: Path) -> Credentials | None:
    return await first_start(store, email="owner@localhost", data_dir=folder, clock=SystemClock())


async def test_the_owner_and_two_keys_are_made_and_only_their_hashes_are_kept(store: Store, data_dir: Path) -> None:
    made = await begun(store, data_dir)
    assert made is not None
    key = await store.directory.key_by_sha256(sha256_hex(made.api_key.encode()))
    assert key is not None
    owner = await store.directory.user_by_email("OWNER@localhost")
    assert owner is not None
    assert owner.role == "owner"
    assert key.user_id == owner.user_id
    assert await Passwords().match(owner.password_hash, made.password)
    assert made.password not in owner.password_hash


async def test_the_command_lines_key_may_do_what_its_commands_need_and_is_for_this_user_alone(
    store: Store, data_dir: Path
) -> None:
    await begun(store, data_dir)
    file = data_dir / "cli-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = await store.directory.key_by_sha256(sha256_hex(file.read_text().strip().encode()))
    assert key is not None
    assert key.scopes == {"talk", "documents:read", "documents:write"}


async def test_a_second_start_makes_nothing(store: Store, data_dir: Path) -> None:
    await begun(store, data_dir)
    before = (data_dir / "cli-key").read_bytes()
    assert await begun(store, data_dir) is None
    assert (data_dir / "cli-key").read_bytes() == before


async def test_two_first_starts_at_once_make_one_owner(store: Store, data_dir: Path) -> None:
    results = await asyncio.gather(begun(store, data_dir), begun(store, data_dir))
    assert [result is None for result in results].count(False) == 1
    async with store.begin(DEFAULT_TENANT_ID) as work:
        assert len(await work.users.all()) == 1


def test_users_tokens_outlive_a_restart_and_service_keys_do_not(tmp_path: Path) -> None:
    settings = load(environment={"VOICEAGENT_DATA__DIR": str(tmp_path)}).settings
    assert access_keys(settings).signing.kid == access_keys(settings).signing.kid
    assert stat.S_IMODE((tmp_path / "token-secret").stat().st_mode) == 0o600
    assert service_keys(settings, apart=False).signing.kid != service_keys(settings, apart=False).signing.kid


def test_services_that_run_apart_need_a_common_secret() -> None:
    with pytest.raises(Misconfigured) as raised:
        service_keys(load(environment={}).settings, apart=True)
    assert raised.value.code == "service_secret_missing"


async def test_a_data_folder_belongs_to_one_process_of_a_kind(tmp_path: Path) -> None:
    async with data_folder(tmp_path / "data", "all"), data_folder(tmp_path / "data", "worker"):
        with pytest.raises(Misconfigured) as raised:
            async with data_folder(tmp_path / "data", "all"):
                pass
        assert raised.value.code == "already_running"
    async with data_folder(tmp_path / "data", "all"):
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


async def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured) as raised:
        async with data_folder(tmp_path / "file" / "data", "all"):
            pass
    assert raised.value.code == "data_dir_not_writable"


READING = (
    "keys list",
    "users list",
    "tenants list",
    "providers list",
    "events dead",
    "audit verify",
    "audit key",
    "privacy export ann@example.com -o ann.zip",
    "privacy replay",
    "privacy forget-old",
    "keys revoke key_1",
    "keys rotate-signing",
    "events revive 1764000000000-0",
    "users reset ann@example.com",
    "backup create",
    "encryption rotate",
)


@pytest.mark.parametrize("place", ["mistyped", "empty"])
@pytest.mark.parametrize("command", READING)
def test_a_place_without_an_installation_is_told_and_left_alone(
    command: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert run([*command.split(), "--data-dir", str(tmp_path / place), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no_installation"
    assert [one.name for one in tmp_path.rglob("*")] == ["empty"]


@pytest.mark.parametrize(
    "command", ["init", "users add ann@example.com", "keys create phone", "tenants add ten_x X", "migrate"]
)
def test_what_begins_an_installation_makes_its_folder_for_this_user_alone(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*command.split(), "--data-dir", str(tmp_path / "data")]) == 0
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert run(["keys", "list", "--data-dir", str(tmp_path / "data")]) == 0
