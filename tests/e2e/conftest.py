"""The platform as a user starts it: `voiceagent up` in a process of its own, free ports, an empty data folder, the real models."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.ports import free_ports

from voiceagent.models.store import ModelStore

READY_S = 240.0
STOP_S = 60.0
SERVERS = ("gateway", "engine", "voice", "documents", "dashboard")


@dataclass
class Platform:
    """A running platform. base_url: the gateway, without /v1.  said: everything that it printed on standard output."""

    data_dir: Path
    models_dir: Path
    ports: dict[str, int]
    process: subprocess.Popen[str] | None = None
    said: str = ""
    log: Path = field(default=Path())

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def page_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['dashboard']}"

    @property
    def api_key(self) -> str:
        return (self.data_dir / "cli-key").read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        """What the command line needs to find this platform."""
        ours = {f"VOICEAGENT_SERVER__{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        ours |= {"VOICEAGENT_DATA__DIR": str(self.data_dir), "VOICEAGENT_MODELS__DIR": str(self.models_dir)}
        kept = {
            name: value for name, value in os.environ.items() if "__" not in name or not name.startswith("VOICEAGENT_")
        }
        kept.pop("VOICEAGENT_API_KEY", None)
        return kept | ours | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}

    def start(self) -> None:
        """Run `voiceagent up`; returns when every server answers."""
        self.log = self.data_dir.parent / "log"
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command(), "up"],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        ends_at_s = time.monotonic() + READY_S
        while time.monotonic() < ends_at_s:
            if self.process.poll() is not None:
                pytest.fail(f"the platform ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}")
            if answers(f"{self.base_url}/health/ready"):
                return
            time.sleep(0.1)
        pytest.fail(f"not ready after {READY_S} s, and stood here:\n{self.where_it_stands()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it as an init system would, or with SIGINT as a terminal does: it goes to the whole group. Returns the exit code."""
        assert self.process is not None
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        try:
            said, _ = self.process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"did not stop within {STOP_S} s, and stood here:\n{self.where_it_stands()}")
        self.said += said
        return self.process.returncode

    def where_it_stands(self) -> str:
        """End it at once; the end of its log, with the line that each of its threads was at."""
        assert self.process is not None
        self.process.send_signal(signal.SIGABRT)
        try:
            self.process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        return self.log.read_text()[-8000:]

    def run(self, *arguments: str, within_s: float = 180.0) -> subprocess.CompletedProcess[str]:
        """One command of the command line against this platform."""
        return subprocess.run(
            [*command(), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )


def command() -> list[str]:
    return [sys.executable, "-m", "voiceagent.apps.cli"]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def platform_ports() -> dict[str, int]:
    """One free port a server, all different."""
    return dict(zip(SERVERS, free_ports(len(SERVERS)), strict=True))


@pytest.fixture(scope="session")
def platform(model_store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One platform for all tests that only talk to it."""
    running = Platform(tmp_path_factory.mktemp("platform") / "data", model_store.root, platform_ports())
    running.start()
    yield running
    if running.process is not None and running.process.poll() is None:
        running.stop()


@pytest.fixture
def own_platform(model_store: ModelStore, tmp_path: Path) -> Iterator[Platform]:
    """A platform that the test starts and stops by itself."""
    mine = Platform(tmp_path / "data", model_store.root, platform_ports())
    yield mine
    if mine.process is not None and mine.process.poll() is None:
        mine.stop(signal.SIGKILL)
