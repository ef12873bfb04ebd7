"""Settings: which layer wins, what is refused and how it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from voiceagent.apps.config import guards, layers
from voiceagent.apps.settings import Settings, areas, is_secret, setting_names
from voiceagent.kit.errors import Misconfigured

GOOD_SECRET = "q7Vd0mXk2Lr9TzWc4Hs8NbYe1Jp6Ga3U"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "voiceagent.toml"
    file.write_text(text)
    return file


def test_every_setting_has_a_default_and_a_description() -> None:
    loaded = layers.load(environment={})
    assert loaded.settings == Settings()
    undescribed = [
        name for area, model in areas().items() for name, field in model.model_fields.items() if not field.description
    ]
    assert undescribed == []


def test_flags_win_over_the_environment_over_the_file_over_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, "[server]\ngateway_port = 1\nengine_port = 1\nvoice_port = 1\n")
    environment = {"VOICEAGENT_SERVER__ENGINE_PORT": "2", "VOICEAGENT_SERVER__VOICE_PORT": "2"}
    loaded = layers.load(file=file, environment=environment, flags={"server.voice_port": 3})
    server = loaded.settings.server
    assert (server.gateway_port, server.engine_port, server.voice_port, server.documents_port) == (1, 2, 3, 8002)
    assert loaded.origin("server.gateway_port") == f"{file}:2"
    assert loaded.origin("server.engine_port") == "VOICEAGENT_SERVER__ENGINE_PORT"
    assert loaded.origin("server.voice_port") == "--set server.voice_port"
    assert loaded.origin("server.documents_port") == "default"


def test_an_unknown_key_of_the_file_is_refused_with_its_line_and_a_suggestion(tmp_path: Path) -> None:
    file = written(tmp_path, "# mine\n[server]\nhost = '127.0.0.1'\ngatway_port = 1\n")
    with pytest.raises(Misconfigured, match=r"voiceagent\.toml:4.*did you mean server\.gateway_port\?") as raised:
        layers.load(file=file, environment={})
    assert raised.value.code == "unknown_setting"


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("VOICEAGENT_SERVER__PROT", "there is no setting server.prot"),
        ("VOICEAGENT_SEVRER__GATEWAY_PORT", "did you mean server.gateway_port"),
        ("VOICEAGENT_SERVER_GATEWAY_PORT", "VOICEAGENT_SERVER__GATEWAY_PORT"),
        ("VOICEAGENT_STORE__URL_FILE", "there is no setting store.url_file"),
    ],
)
def test_an_unknown_variable_is_refused(variable: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        layers.load(environment={variable: "x"})


def test_variables_that_are_not_settings_are_left_alone() -> None:
    layers.load(environment={"VOICEAGENT_API_KEY": "va_x", "VOICEAGENT_CI": "1", "VOICEAGENT_DATA": "x", "HOME": "/"})


def test_a_value_of_the_wrong_type_names_its_origin_and_not_the_value(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as raised:
        layers.load(file=written(tmp_path, "[server]\n\ngateway_port = 'hunter2'\n"), environment={})
    assert raised.value.code == "bad_setting"
    assert "voiceagent.toml:3: server.gateway_port" in raised.value.message
    assert "hunter2" not in raised.value.message


@pytest.mark.parametrize("text", ["[server", "gateway_port = 1", "\x00", "server = 3"])
def test_a_broken_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        layers.load(file=written(tmp_path, text), environment={})
    assert "voiceagent.toml" in raised.value.message


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"absent\.toml"):
        layers.load(environment={"VOICEAGENT_CONFIG": str(tmp_path / "absent.toml")})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(GOOD_SECRET + "\n")
    loaded = layers.load(environment={"VOICEAGENT_SERVICES__SECRET_FILE": str(file)})
    assert loaded.settings.services.secret.get_secret_value() == GOOD_SECRET
    assert loaded.origin("services.secret") == "VOICEAGENT_SERVICES__SECRET_FILE"
    assert GOOD_SECRET not in repr(loaded)


def test_secrets_are_known_by_their_type() -> None:
    secrets = {name for name in setting_names() if is_secret(name)}
    assert secrets >= {"services.secret", "identity.token_secret", "server.scrape_token"}
    assert {name for name in setting_names() if name.endswith(("secret", "token", "password"))} <= secrets


def test_urls_name_the_data_folder() -> None:
    loaded = layers.load(environment={"VOICEAGENT_DATA__DIR": "/srv/voice"})
    assert loaded.settings.url("store") == "sqlite:////srv/voice/voiceagent.db"
    assert loaded.settings.url("blobs") == "file:///srv/voice/blobs"


def test_a_list_is_written_with_commas() -> None:
    loaded = layers.load(environment={"VOICEAGENT_SERVICES__ENGINE": "http://a:8000, http://b:8000"})
    assert loaded.settings.services.engine == ("http://a:8000", "http://b:8000")


@pytest.mark.parametrize(
    "secret",
    ["short", "changeme-changeme-changeme-changeme", "a" * 64, "abababababababababababababababab", GOOD_SECRET[:31]],
)
def test_weak_and_sample_secrets_are_refused(secret: str) -> None:
    settings = layers.load(environment={"VOICEAGENT_SERVICES__SECRET": secret}).settings
    with pytest.raises(Misconfigured) as raised:
        guards.check(settings)
    assert raised.value.code == "weak_secret"
    assert secret not in raised.value.message


def test_a_strong_secret_passes() -> None:
    assert guards.check(layers.load(environment={"VOICEAGENT_SERVICES__SECRET": GOOD_SECRET}).settings) == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "10.0.0.1", ""])
def test_an_address_that_others_reach_is_refused_unless_it_is_meant(host: str) -> None:
    flags = {"server.host": host}
    with pytest.raises(Misconfigured) as raised:
        guards.check(layers.load(environment={}, flags=flags).settings)
    assert raised.value.code == "public_bind_refused"
    (warning,) = guards.check(layers.load(environment={}, flags={**flags, "server.allow_public": True}).settings)
    assert "WITHOUT ENCRYPTION" in warning


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_no_open_door(host: str) -> None:
    assert guards.check(layers.load(environment={}, flags={"server.host": host}).settings) == ()
