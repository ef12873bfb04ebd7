"""A whole platform in a process of its own, on scripted models: everything is real but what it says."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.support.ports import free_ports

READY_S = 240.0
SCRIPTED = {
    "LLM__URL": "scripted:///", "STT__URL": "scripted://", "TTS__URL": "scripted:///", "VAD__URL": "scripted:///",
    "TURNS__URL": "scripted:///", "EMBED__URL": "hashed:///",
    "LIMITS__REQUESTS_PER_S": "100000", "LIMITS__REQUEST_BURST": "100000",
}  # fmt: skip
SERVERS = ("gateway", "engine", "voice", "documents", "dashboard")


@dataclass(frozen=True)
class Stage:
    """url: the gateway.  store_url: its system of record.  data_dir: everything that it wrote.  urls: every server by name."""

    url: str
    store_url: str
    data_dir: Path
    log: Path
    urls: dict[str, str]
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it as a power cut would, with its children."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def stage(
    folder: Path,
    more: Mapping[str, str] = MappingProxyType({}),
    variables: Mapping[str, str] = MappingProxyType({}),
    trusted: Path | None = None,
) -> Iterator[Stage]:
    """Runs until the block ends. more: further settings, as AREA__NAME.  variables: of its environment, further ones.

    trusted: the authority by which its doors are known, where `more` makes them speak TLS.
    """
    ports = dict(zip(SERVERS, free_ports(len(SERVERS)), strict=True))
    data_dir, log = folder / "data", folder / "log"
    data_dir.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOICEAGENT_")}
    environment |= variables
    environment |= {f"VOICEAGENT_{name}": value for name, value in (SCRIPTED | dict(more)).items()}
    environment |= {f"VOICEAGENT_SERVER__{name.upper()}_PORT": str(port) for name, port in ports.items()}
    environment["VOICEAGENT_DATA__DIR"] = str(data_dir)
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "voiceagent.apps.cli", "up"],
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        if trusted is not None:
            urls |= {
                name: urls[name].replace("http:", "https:").replace("127.0.0.1", "localhost")
                for name in ("gateway", "dashboard")
            }
        _wait(process, f"{urls['gateway']}/health/ready", log, trusted)
        yield Stage(urls["gateway"], f"sqlite:///{data_dir / 'voiceagent.db'}", data_dir, log, urls, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path, trusted: Path | None) -> None:
    context = ssl.create_default_context(cafile=str(trusted)) if trusted else None
    ends_at_s = time.monotonic() + READY_S
    while time.monotonic() < ends_at_s:
        if process.poll() is not None:
            raise RuntimeError(f"the platform ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(url, timeout=10, context=context) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"not ready after {READY_S} s:\n{log.read_text()[-3000:]}")
