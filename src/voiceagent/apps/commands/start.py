"""`voiceagent up` and `serve`: starting the platform, or one service of it."""

from __future__ import annotations

import os
import threading
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from voiceagent.apps.commands.options import (
    ConfigOption,
    DataDirOption,
    SetOption,
    loaded,
    settled,
)
from voiceagent.apps.commands.outcome import UNEXPECTED, exit_code, out, run, tell_problem, warn
from voiceagent.apps.config.addresses import refuse_taken_ports
from voiceagent.apps.config.layers import Loaded
from voiceagent.apps.first_start import Credentials
from voiceagent.apps.parts import Parts
from voiceagent.apps.run import Process, leave, live
from voiceagent.apps.settings import KEY_FILE
from voiceagent.kit.errors import Problem

END_S = 10.0
"""After everything is closed, so long do threads have to end."""

HostOption = Annotated[
    str | None, typer.Option("--host", help="Address of gateway and dashboard.", show_default="127.0.0.1")
]
PublicOption = Annotated[
    bool,
    typer.Option(
        "--allow-public", help="Allow addresses that other machines reach: with tls.certificate, or behind a TLS proxy."
    ),
]


class Service(StrEnum):
    """What `serve` can run."""

    GATEWAY = "gateway"
    ENGINE = "engine"
    VOICE = "voice"
    DOCUMENTS = "documents"
    DASHBOARD = "dashboard"
    WORKER = "worker"


def process(service: Service) -> Process:
    """What the process of this service runs. Its code alone is loaded: after a crash it is back a second of a core sooner."""
    found: Process = import_module(f"voiceagent.apps.{service}").PROCESS
    return found


def register(app: typer.Typer) -> None:
    app.command(epilog="Examples: `voiceagent up`, `voiceagent up --data-dir ~/voice --set server.gateway_port=9090`")(
        up
    )
    app.command(epilog="Example: `voiceagent serve engine --config /etc/voiceagent.toml`")(serve)


def up(
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    host: HostOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Start the whole platform in this process. Ctrl-C (or SIGTERM) drains and stops; a second one stops at once."""
    found = _settings(config, _with(sets, host, allow_public), data_dir)
    refuse_taken_ports(found.settings)
    _stay(import_module("voiceagent.apps.all").process(announce), found)


def serve(
    service: Annotated[Service, typer.Argument(help="Which service.")],
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    host: HostOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Start one service in this process: the distributed profile. Needs services.secret, the same for all services."""
    _stay(process(service), _settings(config, _with(sets, host, allow_public), data_dir))


def _stay(process: Process, found: Loaded) -> None:
    """Until the process is told to end, and then out, also when a thread of a native library never returns: a loop waits for its threads."""
    problems: list[Problem] = []

    def abandon() -> None:
        warn(["a thread did not end; leaving without it"])
        for problem in problems:
            tell_problem(problem, as_json=False)
        os._exit(exit_code(problems[0]) if problems else UNEXPECTED)

    watch = threading.Timer(END_S, abandon)
    watch.daemon = True

    async def whole() -> None:
        try:
            await live(process, found.settings, found.origins)
        except Problem as problem:
            problems.append(problem)
            raise
        finally:
            watch.start()

    try:
        run(whole())
    finally:
        watch.cancel()
    leave()


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


def _settings(config: Path | None, sets: list[str], data_dir: Path | None) -> Loaded:
    found = loaded(config, sets, data_dir)
    settled(found.settings)
    return found


def _with(sets: list[str] | None, host: str | None, allow_public: bool) -> list[str]:
    return [
        *(sets or []),
        *([f"server.host={host}"] if host else []),
        *(["server.allow_public=true"] if allow_public else []),
    ]
