"""`voiceagent up`, `serve` and `demo`: starting the platform, or one service of it."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from voiceagent.apps import all as everything
from voiceagent.apps import dashboard, documents, engine, gateway, voice, worker
from voiceagent.apps.commands.ask import show, spoken, write_wav
from voiceagent.apps.commands.doctor import refuse_taken_ports
from voiceagent.apps.commands.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    SetOption,
    api_key,
    gateway_tls,
    gateway_url,
    loaded,
    settled,
)
from voiceagent.apps.commands.outcome import err, out, run
from voiceagent.apps.first_start import Credentials
from voiceagent.apps.parts import Parts
from voiceagent.apps.run import leave, live
from voiceagent.apps.settings import KEY_FILE, Settings
from voiceagent.kit.errors import DeadlineExceeded, Misconfigured

HostOption = Annotated[
    str | None, typer.Option("--host", help="Address of gateway and dashboard.", show_default="127.0.0.1")
]
PublicOption = Annotated[
    bool,
    typer.Option(
        "--allow-public", help="Allow addresses that other machines reach: with tls.certificate, or behind a TLS proxy."
    ),
]
POLL_S = 0.2


class Service(StrEnum):
    """What `serve` can run."""

    GATEWAY = "gateway"
    ENGINE = "engine"
    VOICE = "voice"
    DOCUMENTS = "documents"
    DASHBOARD = "dashboard"
    WORKER = "worker"


PROCESSES = {
    Service.GATEWAY: gateway.PROCESS,
    Service.ENGINE: engine.PROCESS,
    Service.VOICE: voice.PROCESS,
    Service.DOCUMENTS: documents.PROCESS,
    Service.DASHBOARD: dashboard.PROCESS,
    Service.WORKER: worker.PROCESS,
}


def register(app: typer.Typer) -> None:
    app.command(epilog="Examples: `voiceagent up`, `voiceagent up --data-dir ~/voice --set server.gateway_port=9090`")(
        up
    )
    app.command(epilog="Example: `voiceagent serve engine --config /etc/voiceagent.toml`")(serve)
    app.command(epilog="Example: `voiceagent demo question.flac -o reply.wav`")(demo)


def up(
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    host: HostOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Start the whole platform in this process. Ctrl-C (or SIGTERM) drains and stops; a second one stops at once."""
    settings = _settings(config, _with(sets, host, allow_public), data_dir)
    refuse_taken_ports(settings)
    run(live(everything.process(announce), settings))


def serve(
    service: Annotated[Service, typer.Argument(help="Which service.")],
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    host: HostOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Start one service in this process: the distributed profile. Needs services.secret, the same for all services."""
    settings = _settings(config, _with(sets, host, allow_public), data_dir)
    run(live(PROCESSES[service], settings))
    leave()


def demo(
    audio: Annotated[Path, typer.Argument(help="A recorded question.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Write the reply to this WAV file.")] = Path(
        "reply.wav"
    ),
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the platform, ask it a recorded question, print what happened, stop it."""
    settings = loaded(config, sets, data_dir).settings
    refuse_taken_ports(settings)  # what answers there would not be ours
    url = gateway_url(settings, None)
    arguments = [f"--config={config}"] if config else []
    arguments += [f"--data-dir={data_dir}"] if data_dir else []
    arguments += [f"--set={one}" for one in sets or []]
    tls = gateway_tls(settings)
    with _platform(arguments, url, settings.server.ready_s, tls):
        asked = spoken(audio, url, api_key(settings, None), tls)
    write_wav(output, asked)
    show(asked, output, as_json=as_json)


def announce(parts: Parts, credentials: Any) -> None:
    """Tell where everything is; on the first start also what is shown only once."""
    server, scheme = parts.settings.server, parts.settings.scheme
    out.print("[bold green]ready[/]")
    out.print(f"  talk in a browser   {scheme}://{server.host}:{server.dashboard_port}")
    out.print(f"  realtime clients    {scheme.replace('http', 'ws')}://{server.host}:{server.gateway_port}/v1/realtime")
    out.print(f"  OpenAI-style API    {scheme}://{server.host}:{server.gateway_port}/v1")
    if isinstance(credentials, Credentials):
        out.print("  shown once, keep them:")
        out.print(f"    sign-in           {credentials.email}   password {credentials.password}", markup=False)
        out.print(f"    API key           {credentials.api_key}", markup=False)
        out.print(
            f"  `voiceagent ask` and `talk` on this machine use {parts.settings.data.dir / KEY_FILE}", markup=False
        )
    out.print("  Ctrl-C drains and stops", style="dim")


def _settings(config: Path | None, sets: list[str], data_dir: Path | None) -> Settings:
    return settled(loaded(config, sets, data_dir).settings)


def _with(sets: list[str] | None, host: str | None, allow_public: bool) -> list[str]:
    return [
        *(sets or []),
        *([f"server.host={host}"] if host else []),
        *(["server.allow_public=true"] if allow_public else []),
    ]


@contextmanager
def _platform(arguments: list[str], url: str, within_s: float, tls: ssl.SSLContext | None) -> Iterator[None]:
    """The platform in a process of its own, as a user would start it, from ready to stopped."""
    child = subprocess.Popen([sys.executable, "-m", "voiceagent.apps.cli", "up", *arguments], stdout=sys.stderr)  # noqa: S603 - our own program
    try:
        err.print("starting the platform", style="dim")
        _await_ready(child, f"{url}/health/ready", within_s, tls)
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _await_ready(child: subprocess.Popen[bytes], url: str, within_s: float, tls: ssl.SSLContext | None) -> None:
    ends_at_s = time.monotonic() + within_s
    while time.monotonic() < ends_at_s:
        if child.poll() is not None:
            raise Misconfigured("platform_ended", "the platform ended while it started; its message stands above")
        try:
            with urllib.request.urlopen(url, timeout=2, context=tls) as answer:  # noqa: S310 - an address of this machine
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(POLL_S)
    raise DeadlineExceeded("start_deadline", f"the platform was not ready within {within_s:g} s")
