"""Starts what is measured: our platform as a user does, and the peer with a chat server of the same model and settings."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.ports import free_ports

from voiceagent.adapters.llm.llamacpp import ChildSettings
from voiceagent.domain.agent import DEFAULT_INSTRUCTIONS
from voiceagent.models.store import ModelStore, default_root

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / "bench" / "peers" / "pipecat" / "run.sh"
READY_S = 180.0
INSTALL_S = 1800.0
_SERVERS = ("GATEWAY", "ENGINE", "VOICE", "DOCUMENTS", "DASHBOARD")


def models_root() -> Path:
    """Where the models lie: VOICEAGENT_MODELS__DIR, or the user's cache."""
    return Path(os.environ.get("VOICEAGENT_MODELS__DIR") or default_root())


@contextlib.contextmanager
def platform(**settings: str) -> Iterator[tuple[str, str]]:
    """`voiceagent up` on free ports with an empty data folder; yields the realtime URL and an API key. settings: by environment name."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("w+") as log:
        ports = free_ports(len(_SERVERS))
        environment = {f"VOICEAGENT_SERVER__{name}_PORT": str(port) for name, port in zip(_SERVERS, ports, strict=True)}
        environment |= {"VOICEAGENT_DATA__DIR": f"{folder}/data", "VOICEAGENT_MODELS__DIR": str(models_root())}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VOICEAGENT_")}
        command = [sys.executable, "-m", "voiceagent.apps.cli", "up"]
        with _process(command, kept | environment | settings, log):
            _until_ready(f"http://127.0.0.1:{ports[0]}/health/ready", READY_S, log.name)
            key = Path(folder, "data", "cli-key").read_text().strip()
            yield f"ws://127.0.0.1:{ports[0]}/v1/realtime?model=default", key


@contextlib.contextmanager
def peer() -> Iterator[str]:
    """Pipecat's agent, installed by its one command if need be; yields its WebSocket URL."""
    store = ModelStore(models_root())
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(folder, "log").open("w+") as log,
        _chat_server(store, log) as (url, key),
    ):
        (port,) = free_ports(1)
        environment = os.environ | {
            "PYTHON": sys.executable,
            "PEER_WHISPER": str(store.path("whisper-tiny.en")),
            "PEER_LLM_URL": f"{url}/v1",
            "PEER_LLM_KEY": key,
            "PEER_INSTRUCTIONS": DEFAULT_INSTRUCTIONS,
        }
        with _process([str(PEER), str(port)], environment, log):
            _until_ready(f"http://127.0.0.1:{port}/docs", INSTALL_S, log.name)
            yield f"ws://127.0.0.1:{port}/ws"


@contextlib.contextmanager
def _chat_server(store: ModelStore, log: object) -> Iterator[tuple[str, str]]:
    """The very child process that the platform uses, with the platform's own settings for two cores and more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    settings = ChildSettings(
        model=str(store.path("smollm2-135m-instruct")),
        context_tokens=2048,
        parallel=2,
        threads=min(max(cores - 1, 1), 8),
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "voiceagent.adapters.llm.llamacpp_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,  # type: ignore[call-overload]
        env=os.environ | {"OMP_WAIT_POLICY": "passive"},
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(asdict(settings)) + "\n")
        child.stdin.flush()
        answer = json.loads(child.stdout.readline())
        yield answer["url"], settings.api_key
    finally:
        child.stdin.close()
        child.wait(10)


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str], log: object) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)  # type: ignore[call-overload]
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _until_ready(url: str, within_s: float, log: str) -> None:
    ends_s = time.monotonic() + within_s
    while time.monotonic() < ends_s:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"not ready within {within_s:g} s: {url}\n{Path(log).read_text()[-4000:]}")
