"""`voiceagent demo`: starts the platform, asks it a recorded question, stops it."""

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
from pathlib import Path
from typing import Annotated

import typer

from voiceagent.apps.commands.ask import show, spoken, write_wav
from voiceagent.apps.commands.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    SetOption,
    api_key,
    gateway_tls,
    gateway_url,
    loaded,
)
from voiceagent.apps.commands.outcome import err
from voiceagent.apps.config.addresses import refuse_taken_ports
from voiceagent.kit.errors import DeadlineExceeded, Misconfigured

POLL_S = 0.2


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `voiceagent demo question.flac -o reply.wav`")(demo)


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
