"""The distributed profile for tests: each service in processes of its own, on real PostgreSQL, Redis and S3 servers."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ports import free_ports
from tests.support.servers import S3_SECRET, S3_USER

READY_S = 240.0
STOP_S = 90.0
SCRIPTED = {
    "VOICEAGENT_LLM__URL": "scripted:///",
    "VOICEAGENT_STT__URL": "scripted:///?words_per_s=0",
    "VOICEAGENT_TTS__URL": "scripted:///",
    "VOICEAGENT_VAD__URL": "scripted:///",
    "VOICEAGENT_TURNS__URL": "scripted:///",
    "VOICEAGENT_EMBED__URL": "hashed://",
}
"""Adapters that need no models: processes start in a second and answer at once."""
_BYTECODE = Path(__file__).parents[2] / ".cache" / "bytecode"
COMMAND = (sys.executable, "-m", "voiceagent.apps.cli")


@dataclass
class Instance:
    """One process of one service. said: its log file, which goes on over restarts."""

    service: str
    name: str
    port: int
    said: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """What an orchestrator would see."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{self.said.read_text()[-3000:]}")
        return answers(f"{self.url}/health/ready")

    def kill(self) -> None:
        """As a machine that fails does it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As an orchestrator does it. Returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


@dataclass
class Apart:
    """An installation. urls: settings that name the servers.  extra: further settings, as environment."""

    folder: Path
    settings: dict[str, str]
    extra: dict[str, str] = field(default_factory=dict)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    token_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    running: dict[str, Instance] = field(default_factory=dict)
    api_key: str = ""

    def environment(self, name: str, service: str = "", port: int = 0) -> dict[str, str]:
        """The environment of one process."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("VOICEAGENT_")}
        ours = {
            "VOICEAGENT_DATA__DIR": str(self.folder / name),
            "VOICEAGENT_SERVICES__SECRET": self.secret,
            "VOICEAGENT_IDENTITY__TOKEN_SECRET": self.token_secret,
            "VOICEAGENT_LIMITS__REQUESTS_PER_S": "1000",
            "VOICEAGENT_LIMITS__REQUEST_BURST": "1000",
            "AWS_ACCESS_KEY_ID": S3_USER,
            "AWS_SECRET_ACCESS_KEY": S3_SECRET,
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "",  # empty is off: a process that compiles the whole anew takes twice as long to start
            "PYTHONPYCACHEPREFIX": str(_BYTECODE),
        }
        if port:
            ours[f"VOICEAGENT_SERVER__{service.upper()}_PORT"] = str(port)
        return kept | ours | self.settings | self.extra

    def init(self) -> dict[str, object]:
        """The first start. Returns what the command printed."""
        run = self.command("init", "--json")
        assert run.returncode == 0, run.stdout + run.stderr
        told: dict[str, object] = json.loads(run.stdout)
        self.api_key = str(told.get("api_key", self.api_key))
        return told

    def command(self, *arguments: str, within_s: float = 240.0) -> subprocess.CompletedProcess[str]:
        """One command of the command line, with the installation's settings."""
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment("command"),
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def start(self, *services: str) -> None:
        """One more process of each of these services; `engine:2` is the second engine. Returns when all are ready."""
        for wanted in services:
            service = wanted.partition(":")[0]
            instance = self.running.get(wanted)
            if instance is None:
                (port,) = free_ports(1)
                instance = self.running[wanted] = Instance(
                    service, wanted, port, self.folder / f"{wanted.replace(':', '-')}.log"
                )
            self._spawn(instance)
        self.await_ready(*services)

    def spawn(self, name: str) -> None:
        """Start a process again that has ended; does not wait for it."""
        self._spawn(self.running[name])

    def _spawn(self, instance: Instance) -> None:
        environment = self.environment(instance.name.replace(":", "-"), instance.service, instance.port)
        with instance.said.open("ab") as log:
            instance.process = subprocess.Popen(
                [*COMMAND, "serve", instance.service],
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def await_ready(self, *names: str) -> None:
        """Returns when all of these are ready."""
        ends_at_s = time.monotonic() + READY_S
        waiting = set(names)
        while waiting:
            waiting = {name for name in waiting if not self.running[name].is_ready()}
            late = {name: self.running[name].said.read_text()[-2000:] for name in waiting}
            assert time.monotonic() < ends_at_s, f"not ready: {late}"
            time.sleep(0.1)

    def said(self, name: str) -> str:
        return self.running[name].said.read_text()

    def close(self) -> None:
        """End every process at once, with what it started."""
        for instance in self.running.values():
            if instance.process is not None and instance.process.poll() is None:
                os.killpg(instance.process.pid, signal.SIGKILL)
                instance.process.wait()


def answers(url: str) -> bool:
    """Whether the URL answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def gateway_port(apart: Apart) -> dict[str, str]:
    """The setting with which commands find the first gateway."""
    return {"VOICEAGENT_SERVER__GATEWAY_PORT": str(apart.running["gateway"].port)}
