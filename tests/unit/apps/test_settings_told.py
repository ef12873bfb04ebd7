"""Settings as the dashboard shows them: all of them, where each comes from, and no secret of any kind."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from voiceagent.apps.config import layers
from voiceagent.apps.config.told import told, without_credentials
from voiceagent.apps.settings import Settings, areas, is_secret, setting_names
from voiceagent.gateway.parts import SettingTold

MARK = "hunter2-Xk9"


def by_name(settings: Settings, origins: dict[str, str] | None = None) -> dict[str, SettingTold]:
    return {one.name: one for area in told(settings, origins or {}, apart=False).areas for one in area.settings}


def test_every_setting_is_told_with_what_it_means_and_how_it_is_set() -> None:
    shown = by_name(Settings())
    assert tuple(shown) == setting_names()
    assert all(one.meaning and one.source == "default" and one.place == "" for one in shown.values())
    assert shown["server.gateway_port"].variable == "VOICEAGENT_SERVER__GATEWAY_PORT"
    assert (shown["server.gateway_port"].value, shown["server.gateway_port"].default) == ("8080", "8080")
    assert (shown["server.allow_public"].value, shown["server.hosts"].value) == ("false", "")


def test_each_value_says_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "voiceagent.toml"
    file.write_text("[server]\nhosts = ['a.example', 'b.example']\n")
    environment = {"VOICEAGENT_SERVER__DRAIN_S": "3", "VOICEAGENT_SERVICES__SECRET_FILE": str(tmp_path / "secret")}
    (tmp_path / "secret").write_text(MARK)
    loaded = layers.load(file=file, environment=environment, flags={"log.level": "debug"})
    shown = by_name(loaded.settings, loaded.origins)
    assert {name: (one.value, one.source, one.place) for name, one in shown.items() if one.source != "default"} == {
        "server.hosts": ("a.example,b.example", "file", f"{file}:2"),
        "server.drain_s": ("3.0", "environment", "VOICEAGENT_SERVER__DRAIN_S"),
        "services.secret": (None, "environment", "VOICEAGENT_SERVICES__SECRET_FILE"),
        "log.level": ("debug", "flag", "--set log.level"),
    }
    assert shown["services.secret"].is_set
    assert not shown["identity.token_secret"].is_set


@pytest.mark.parametrize(
    "hidden",
    [
        f"redis://:{MARK}@host:6379/0",
        f"postgresql://ada:{MARK}@host/db?sslmode=verify-full",
        f"postgresql://ada:p/{MARK}?{MARK}#{MARK}@host/db",
        f"postgresql://ada:p@{MARK}?{MARK}@host/db",
        f"redis+sentinel://:{MARK}@one:1,two:2/main?sentinel_password={MARK}",
        f"s3://bucket?endpoint=https://{MARK}@host&access_key={MARK}&secret_key={MARK}&region=x",
        f"s3://bucket?region=x&{MARK}&endpoint=https://ada:{MARK}@host",
        f"openai+https://host/v1?model=m&api_key={MARK}",
        f"https://{MARK}@host/#{MARK}",
        f" s3://bucket?secret_key={MARK}",
        f"redis:ada:{MARK}@host",
    ],
)
def test_no_secret_of_any_kind_is_told(hidden: str) -> None:
    """In every field that takes text, as a value of its own and among others."""
    values: dict[str, dict[str, Any]] = {}
    for name, area in areas().items():
        for field, info in area.model_fields.items():
            before = getattr(getattr(Settings(), name), field)
            if is_secret(f"{name}.{field}"):
                values.setdefault(name, {})[field] = SecretStr(MARK)
            elif info.annotation is str:
                values.setdefault(name, {})[field] = hidden
            elif before == () and f"{name}.{field}" != "privacy.redact":
                values.setdefault(name, {})[field] = ("plain", hidden)
    settings = Settings.model_validate(values)
    shown = told(settings, {}, apart=True)
    assert MARK not in json.dumps(asdict(shown))
    assert by_name(settings)["llm.url"].value == without_credentials(hidden)
    assert "***" in without_credentials(hidden)


@pytest.mark.parametrize(
    "plain",
    [
        "", "owner@localhost", "file://{data}/blobs", "whisper:///", "https://host/v1",
        "openai+https://host/v1?model=m&key_env=LLM_KEY&price_in=0.4", "s3://bucket?endpoint=http://127.0.0.1:9000&region=x",
    ],
)  # fmt: skip
def test_what_holds_no_credential_is_told_as_it_is(plain: str) -> None:
    assert without_credentials(plain) == plain


def test_what_is_around_a_credential_is_still_told() -> None:
    url = "s3://bucket?endpoint=https://ada:pw@host&access_key=K&region=x"
    assert without_credentials(url) == "s3://bucket?endpoint=https://***@host&***&region=x"
    assert without_credentials("postgresql://ada:pw@host/db") == "postgresql://***@host/db"
