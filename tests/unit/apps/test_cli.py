"""The command line: help, exit codes, one line for a user's error, JSON for programs."""

from __future__ import annotations

import inspect
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from voiceagent.apps.backup.pieces import broken
from voiceagent.apps.cli import GROUPS, PLAIN, app_for, outline, run
from voiceagent.apps.commands.outcome import exit_code
from voiceagent.apps.settings import setting_names
from voiceagent.kit.errors import Forbidden, Misconfigured, Problem, RateLimited, Unavailable


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_logging: None) -> None:
    """No setting of the machine that runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("VOICEAGENT_DATA__DIR", "VOICEAGENT_MODELS__DIR", "VOICEAGENT_API_KEY", "VOICEAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def commands(group: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, command in sorted(getattr(group, "commands", {}).items()):
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = list(commands(get_command(app_for())))


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_every_command_explains_itself_with_an_example(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    said = capsys.readouterr().out
    assert "Example" in said
    assert "--help" in said


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "Exit codes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nonsense"], 2, "No such command"),
        (["ask"], 2, "'audio'"),
        (["ask", "absent.wav", "--key", "va_x"], 2, "no_such_file"),
        (["ask", "absent.wav", "--data-dir", "nowhere"], 2, "key_missing"),
        (["up", "--set", "server.gatway_port=1"], 2, "did you mean server.gateway_port?"),
        (["up", "--set", "gateway"], 2, "area.name=value"),
        (["up", "--host", "0.0.0.0"], 2, "--allow-public"),
        (["serve", "kitchen"], 2, "kitchen"),
        (["serve", "engine", "--data-dir", "data"], 2, "services.secret"),
        (["up", "--set", "store.url=mysql://x"], 2, "known are sqlite://"),
        (["config", "show", "--config", "absent.toml"], 2, "absent.toml"),
        (["models", "verify", "nonsense"], 2, "no model is called"),
        (["users", "add", "not-an-address"], 2, "e-mail"),
        (["users", "add", "ada@example.org", "--role", "king"], 2, "there is no role king"),
        (["keys", "create", "x", "--scopes", "everything"], 2, "unknown scopes: everything"),
        (["keys", "create", ""], 2, "1 to 80 printable characters"),
        (["keys", "create", "x", "--days", "99999999"], 2, "less than or equal to 3650"),
        (["keys", "create", "x", "--tenant", "ten_none", "--data-dir", "data"], 2, "there is no organisation ten_none"),
        (
            ["users", "add", "a@example.org", "--tenant", "ten_none", "--data-dir", "data"],
            2,
            "no organisation ten_none",
        ),
        (
            ["up", "--data-dir", "data", "--set", "llm.url=scripted://", "--set", "hooks.file=no.json"],
            2,
            "no.json cannot be read",
        ),
        (["tenants", "add", "acme", "Acme"], 2, "bad_tenant_id"),
        (
            ["providers", "add", "openai+https://x.example/v1?model=m", "--key-env", "NOT_SET"],
            2,
            "NOT_SET: the variable",
        ),
        (["tenants", "add", "ten_acme", "\x1b[2J"], 2, "printable"),
        (["audit", "verify", "--data-dir", "."], 2, "there is no installation at"),
        (["backup", "list", "--data-dir", "data"], 2, "data/backup.key"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_users_error_is_told_in_plain_words(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.out + told.err


def test_an_error_for_programs_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "absent.wav", "--key", "va_x", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no_such_file"


def test_a_bug_is_told_in_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("voiceagent.apps.commands.config.settings_page", broken)
    assert run(["config", "reference"]) == 1
    assert "unexpected ZeroDivisionError" in capsys.readouterr().err


def test_config_show_names_origins_and_masks_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "q7Vd0mXk2Lr9TzWc4Hs8NbYe1Jp6Ga3U"
    monkeypatch.setenv("VOICEAGENT_SERVICES__SECRET", secret)
    monkeypatch.setenv("VOICEAGENT_STORE__URL", f"postgresql://ada:{secret}@host/db")
    assert run(["config", "show", "--origin", "--json", "--set", "server.drain_s=3"]) == 0
    printed = capsys.readouterr().out
    shown = json.loads(printed)
    assert list(shown) == list(setting_names())
    assert shown["server.drain_s"] == {"value": 3.0, "from": "--set server.drain_s"}
    assert shown["services.secret"] == {"value": "***", "from": "VOICEAGENT_SERVICES__SECRET"}
    assert shown["store.url"]["value"] == "postgresql://***@host/db"
    assert secret not in printed


def test_keys_and_users_live_in_the_store(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    here = ["--data-dir", str(tmp_path / "data"), "--json"]
    assert run(["migrate", *here]) == 0
    capsys.readouterr()
    assert run(["users", "add", "ada@example.org", "--role", "operator", *here]) == 0
    assert len(json.loads(capsys.readouterr().out)["password"]) >= 20
    assert run(["users", "add", "Ada@Example.org", *here]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "user_exists"
    assert run(["keys", "create", "phone", "--user", "ADA@example.org", "--days", "3", *here]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["secret"].startswith("va_")
    assert run(["keys", "revoke", made["key_id"], *here]) == 0
    capsys.readouterr()
    assert run(["keys", "list", *here]) == 0
    (key,) = json.loads(capsys.readouterr().out)
    assert key["revoked_at"] is not None
    assert made["secret"] not in json.dumps(key)
    assert run(["keys", "revoke", "key_absent", *here]) == 2


def test_data_of_a_newer_version_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    here = ["--data-dir", str(tmp_path / "data")]
    assert run(["migrate", *here]) == 0
    with sqlite3.connect(tmp_path / "data" / "voiceagent.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    capsys.readouterr()
    assert run(["migrate", *here]) == 2
    told = capsys.readouterr().err
    assert "newer version" in told
    assert "Traceback" not in told


def test_a_taken_port_is_told_before_anything_starts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        assert run(["up", "--set", f"server.voice_port={port}", "--data-dir", str(tmp_path / "data")]) == 2
    assert f"port {port} on 127.0.0.1 is taken" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_doctor_finds_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = [
        "--set",
        f"models.dir={tmp_path / 'models'}",
        "--set",
        "llm.url=telepathy://",
        "--data-dir",
        str(tmp_path),
    ]
    assert run(["doctor", "--json", *arguments]) == 3
    found = {one["what"]: one["state"] for one in json.loads(capsys.readouterr().out)}
    assert found["llm.url"] == "bad"
    assert found["model whisper-tiny.en"] == "bad"
    assert found["data folder"] == "ok"
    assert found["python"] == "ok"


def test_version_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version"]) == 0
    assert capsys.readouterr().out.strip().replace(".", "").isdigit()


WHOLE = get_command(app_for())


def test_the_whole_has_every_command_and_group() -> None:
    assert set(WHOLE.commands) == {*PLAIN, *GROUPS}


def test_the_outline_says_of_each_what_its_own_help_says() -> None:
    said = [
        [(name, inspect.cleandoc(one.help or "").partition("\n\n")[0]) for name, one in made.commands.items()]
        for made in (get_command(outline()), WHOLE)
    ]
    assert said[0] == said[1]


def test_help_does_not_load_the_platform() -> None:
    code = "import sys; from voiceagent.apps.cli import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Talk with the running platform" in told.stdout
    assert not {"sqlalchemy", "fastapi", "pydantic", "numpy"} & set(told.stderr.split())


@pytest.mark.parametrize("name", [*PLAIN, *GROUPS])
def test_a_command_loaded_alone_is_the_one_of_the_whole(name: str) -> None:
    alone = get_command(app_for(name))
    assert set(alone.commands) <= {name} | {one for one in PLAIN if PLAIN[one] == PLAIN.get(name)}
    inside = [[path for path, _ in commands(made.commands[name])] for made in (alone, WHOLE)]
    assert inside[0] == inside[1]
    assert alone.commands[name].get_short_help_str() == WHOLE.commands[name].get_short_help_str()


def test_asking_about_documents_does_not_load_the_platform() -> None:
    code = "import sys; from voiceagent.apps.cli import app_for; app_for('docs'); print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"sqlalchemy", "fastapi", "ctranslate2", "voiceagent.gateway.server"} & set(told.stdout.split())


@pytest.mark.parametrize("group", [[], *([name] for name in GROUPS)], ids=" ".join)
def test_a_group_alone_shows_its_help_and_nothing_else(group: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(group) == 2
    told = capfd.readouterr()
    assert "Usage: voiceagent" in told.out
    assert told.err == ""


def test_a_file_that_cannot_be_read_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--config", "absent.toml"]) == 2
    assert capsys.readouterr().err == "voiceagent: absent.toml: No such file or directory [settings_unreadable]\n"


def test_a_wrong_flag_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--set", "server.gateway_port=70000"]) == 2
    assert capsys.readouterr().err.count("server.gateway_port") == 1


def test_a_secret_in_place_of_its_file_is_not_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEAGENT_SERVICES__SECRET_FILE", "gWn6yN0cT4qvb7")
    assert run(["config", "show"]) == 2
    told = capsys.readouterr()
    assert "VOICEAGENT_SERVICES__SECRET_FILE" in told.err and "gWn6yN0cT4qvb7" not in told.out + told.err


@pytest.mark.parametrize("columns", [{}, {"COLUMNS": "60"}], ids=["a pipe", "a narrow terminal"])
def test_a_list_shows_ids_whole(columns: dict[str, str], tmp_path: Path) -> None:
    """They are what the next command wants."""
    place = ["--data-dir", str(tmp_path / "data")]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | columns
    program = [sys.executable, "-m", "voiceagent.apps.cli", "keys"]
    wanted = ["create", "a name of some length", "--scopes", "talk,documents:read,documents:write", "--json", *place]
    made = subprocess.run([*program, *wanted], env=environment, check=True, capture_output=True, text=True)
    told = subprocess.run([*program, "list", *place], env=environment, check=True, capture_output=True, text=True)
    assert json.loads(made.stdout)["key_id"] in told.stdout
    if not columns:
        assert len(told.stdout.splitlines()) == 2, "a row a line, as programs read it"


@pytest.mark.parametrize("command", [["keys", "list"], ["up"]], ids=" ".join)
def test_a_file_that_is_no_database_is_told_at_once(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "voiceagent.db").write_text("Once upon a time there was a file of another kind.")
    told = subprocess.run(
        [sys.executable, "-m", "voiceagent.apps.cli", *command, "--data-dir", str(tmp_path), "--set", "llm.url=scripted://"],
        env=os.environ | {"VOICEAGENT_KEYS__URL": ""}, timeout=300, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 2
    assert "voiceagent.db is no database" in told.stderr and "Traceback" not in told.stderr


def test_a_copy_that_is_not_there_is_not_made(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "anchors").touch()
    wanted = ["audit", "verify", "--database", "copy.db", "--anchors", "anchors", "--public-key", "0" * 64]
    assert run(wanted) == 2
    assert "copy.db [no_such_file]" in capsys.readouterr().err
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (broken("a piece is cut"), 4),
        (RateLimited("rate_limited", "slow down"), 4),
        (Forbidden("backup_key_wrong", "another key"), 4),
        (Misconfigured("root_key_wrong", "another key"), 2),
        (Unavailable("store_unavailable", "no answer"), 3),
    ],
    ids=lambda one: getattr(one, "code", str(one)),
)
def test_nothing_that_has_a_code_is_unexpected(problem: Problem, code: int) -> None:
    assert exit_code(problem) == code
