"""The distributed profile: every service in a process of its own, joined by URLs and one secret."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.e2e.conftest import READY_S, SERVERS, STOP_S, Platform, answers, command, platform_ports

from voiceagent.models.store import ModelStore

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def services(model_store: ModelStore, tmp_path: Path) -> Iterator[Platform]:
    apart = Platform(tmp_path / "data", model_store.root, platform_ports())
    environment = apart.environment | {"VOICEAGENT_SERVICES__SECRET": secrets.token_urlsafe(48)}
    assert apart.run("init").returncode == 0
    log = (tmp_path / "log").open("w")
    running = [
        subprocess.Popen([*command(), "serve", name], env=environment, stdout=log, stderr=log) for name in SERVERS
    ]
    try:
        ends_at_s = time.monotonic() + READY_S
        while not answers(f"{apart.base_url}/health/ready"):
            ended = [one.args for one in running if one.poll() is not None]
            assert not ended, f"{ended} ended:\n{(tmp_path / 'log').read_text()[-4000:]}"
            assert time.monotonic() < ends_at_s, f"not ready:\n{(tmp_path / 'log').read_text()[-4000:]}"
            time.sleep(0.2)
        yield apart
        for one in running:
            one.send_signal(signal.SIGTERM)
        codes = [one.wait(timeout=STOP_S) for one in running]
        assert codes == [0] * len(running), (tmp_path / "log").read_text()[-4000:]
    finally:
        for one in running:
            if one.poll() is None:
                one.kill()
                one.wait()
        log.close()


def test_a_question_crosses_all_processes_and_comes_back(services: Platform) -> None:
    run = services.run("ask", str(ROOT / "demo" / "question.flac"), "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    asked = json.loads(run.stdout)
    assert "safe to swim" in asked["heard"].lower()
    assert asked["answered"]
    assert asked["status"] == "completed"
