"""`voiceagent users` and the signing key: each change is in the store, ends what it must end, and leaves an audit row."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from voiceagent.adapters.store.sql import open_store
from voiceagent.apps.cli import run
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.identity import DEFAULT_TENANT_ID, User
from voiceagent.kit.clock import SystemClock


@pytest.fixture
def here(tmp_path: Path) -> list[str]:
    return ["--data-dir", str(tmp_path / "data"), "--json"]


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def stored(here: list[str]) -> tuple[User, tuple[AuditEntry, ...]]:
    async def read() -> tuple[User, tuple[AuditEntry, ...]]:
        store = open_store(f"sqlite:///{here[1]}/voiceagent.db")
        async with store.begin(DEFAULT_TENANT_ID, read_only=True) as work:
            (user,) = await work.users.all()
            entries = await work.audit.page(before_id=None, limit=20)
        await store.close()
        return user, entries

    return asyncio.run(read())


def test_a_person_is_added_changed_turned_away_let_in_and_reset(
    here: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["users", "add", "ada@example.org", *here]) == 0
    password = said(capsys)["password"]
    for number, (words, shown) in enumerate(
        (
            (["role", "Ada@example.org", "admin"], {"role": "admin", "disabled": False}),
            (["disable", "ada@example.org"], {"role": "admin", "disabled": True}),
            (["enable", "ada@example.org"], {"role": "admin", "disabled": False}),
        ),
        start=1,
    ):
        assert run(["users", *words, *here]) == 0
        told = said(capsys)
        assert {name: told[name] for name in shown} == shown
        assert stored(here)[0].epoch == number, "what was issued before has ended"
    assert run(["users", "reset", "ada@example.org", "--second-factor", *here]) == 0
    token = said(capsys)["token"]
    user, entries = stored(here)
    assert user.password_hash == "" and token.startswith("vp_")
    assert [one.action for one in entries] == ["password_reset"] + ["user_changed"] * 3 + ["user_created"]
    assert {one.subject for one in entries} == {"service:command-line"}
    assert token not in str(entries) and password not in str(entries)
    assert run(["users", "list", *here]) == 0
    assert [one["email"] for one in said(capsys)] == ["ada@example.org"]


@pytest.mark.parametrize("words", [["disable", "nobody@example.org"], ["role", "nobody@example.org", "king"]])
def test_who_or_what_is_not_there_is_told(
    words: list[str], here: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", *here]) == 0
    said(capsys)
    assert run(["users", *words, *here]) == 2
    assert said(capsys)["error"]["code"] in ("user_not_found", "unknown_role")


def test_the_signing_key_is_rotated_once_in_a_while(here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["migrate", *here]) == 0
    capsys.readouterr()
    assert run(["keys", "rotate-signing", *here]) == 0
    assert said(capsys)["signs_from_s"] > 0
    assert run(["keys", "rotate-signing", *here]) != 0
    assert said(capsys)["error"]["code"] == "rotation_too_soon"


def test_an_organisation_is_added_once_and_then_has_people_and_keys(
    here: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tenants", "add", "ten_acme", "Acme Ltd.", *here]) == 0
    assert said(capsys) == {"tenant_id": "ten_acme", "name": "Acme Ltd."}
    assert run(["tenants", "add", "ten_acme", "Acme", *here]) == 2
    assert said(capsys)["error"]["code"] == "tenant_exists"
    assert run(["users", "add", "ann@example.org", "--role", "owner", "--tenant", "ten_acme", *here]) == 0
    assert run(["keys", "create", "door", "--tenant", "ten_acme", *here]) == 0
    capsys.readouterr()
    assert run(["tenants", "list", *here]) == 0
    (told,) = said(capsys)
    assert told["tenant_id"] == "ten_acme"
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:", told["created_at"]), "as the API writes moments"
    assert run(["users", "list", *here]) == 0
    assert said(capsys) == [], "nothing crosses from one to another"


def test_a_key_that_expired_is_not_in_force(
    here: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["keys", "create", "short", "--days", "1", *here]) == 0
    capsys.readouterr()
    place = here[:2]
    assert run(["keys", "list", *place]) == 0
    assert "in force" in capsys.readouterr().out

    class Later(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(days=2)

    monkeypatch.setattr("voiceagent.apps.commands.keys.SystemClock", Later)
    assert run(["keys", "list", *place]) == 0
    assert "expired" in capsys.readouterr().out
