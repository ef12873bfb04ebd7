"""An operator starts, stops, and is told clearly what is wrong."""

from __future__ import annotations

import json
import signal
import socket
import stat
import time

import pytest
from tests.e2e.conftest import READY_S, Platform, answers

pytestmark = pytest.mark.timeout(600)


def test_secrets_are_shown_once_stored_hashed_and_the_second_start_knows_them(own_platform: Platform) -> None:
    own_platform.start()
    key = own_platform.api_key
    assert stat.S_IMODE((own_platform.data_dir / "cli-key").stat().st_mode) == 0o600
    assert own_platform.stop() == 0
    first = own_platform.said
    shown = next(line.split()[-1] for line in first.splitlines() if "API key" in line)
    password = first.split("password ")[1].split()[0]
    own_platform.said = ""
    began_s = time.monotonic()
    own_platform.start()
    assert own_platform.api_key == key
    assert own_platform.stop(signal.SIGINT) == 0
    assert (
        "llm_child_ended" not in own_platform.log.read_text()
    )  # Ctrl-C does not take the model away while calls drain
    assert "password" not in own_platform.said
    assert "ready" in own_platform.said
    assert time.monotonic() - began_s < READY_S  # a hang, not a figure: figures come from `make bench`
    kept = b"".join(
        path.read_bytes() for path in own_platform.data_dir.rglob("*") if path.is_file() and path.name != "cli-key"
    )
    log = own_platform.log.read_bytes()
    for secret in (shown, password, key):
        assert secret.encode() not in kept
        assert secret.encode() not in log


def test_a_key_is_created_used_and_revoked(platform: Platform) -> None:
    made = json.loads(platform.run("keys", "create", "test", "--scopes", "talk", "--json").stdout)
    listed = json.loads(platform.run("keys", "list", "--json").stdout)
    assert made["key_id"] in [key["key_id"] for key in listed]
    assert made["secret"] not in json.dumps(listed)
    assert platform.run("keys", "revoke", made["key_id"]).returncode == 0
    assert platform.run("keys", "revoke", "key_unknown").returncode == 2


def test_a_taken_port_is_named(own_platform: Platform) -> None:
    with socket.create_server(("127.0.0.1", own_platform.ports["voice"])):
        run = own_platform.run("up")
    assert run.returncode == 2
    assert str(own_platform.ports["voice"]) in run.stderr
    assert "Traceback" not in run.stderr


def test_two_platforms_do_not_share_a_data_folder(platform: Platform, own_platform: Platform) -> None:
    run = own_platform.run("up", "--data-dir", str(platform.data_dir))
    assert run.returncode == 2
    assert "already runs" in run.stderr


def test_a_data_folder_that_cannot_be_written_is_named(own_platform: Platform) -> None:
    run = own_platform.run("up", "--data-dir", "/proc/voiceagent")
    assert run.returncode == 2
    assert "data folder" in run.stderr


def test_missing_models_are_told_with_what_to_do(own_platform: Platform) -> None:
    empty = own_platform.data_dir.parent / "models"
    empty.mkdir()
    run = own_platform.run("up", "--set", f"models.dir={empty}")
    assert run.returncode == 2
    assert "voiceagent models pull" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_second_signal_ends_it_at_once(own_platform: Platform) -> None:
    own_platform.start()
    process = own_platform.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert own_platform.stop() in (0, 130)
    assert not answers(f"{own_platform.base_url}/health/live")


def test_no_service_answers_a_stranger(platform: Platform) -> None:
    for port in platform.ports.values():
        assert answers(f"http://127.0.0.1:{port}/health/live")
        assert not answers(f"http://127.0.0.1:{port}/metrics")
