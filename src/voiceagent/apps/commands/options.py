"""Options that several commands share, and the settings that result from them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated

import typer

from voiceagent.apps.commands.outcome import warn
from voiceagent.apps.config import guards, layers
from voiceagent.apps.config.layers import Loaded
from voiceagent.apps.privacy import log_redaction
from voiceagent.apps.settings import KEY_FILE, Settings
from voiceagent.kit.errors import InvalidInput
from voiceagent.kit.log import configure_logging
from voiceagent.kit.tls import TlsFiles, client_context

ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", show_default=False)]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="AREA.NAME=VALUE", help="Set one setting; may be repeated.")
]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the platform's data.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="VOICEAGENT_API_KEY",
        help="API key; without it the file cli-key of the data folder.",
        show_default=False,
    ),
]
UrlOption = Annotated[
    str | None, typer.Option("--url", help="Address of the gateway.", show_default="http://127.0.0.1:8080")
]
CaOption = Annotated[
    str | None,
    typer.Option("--ca", help="File with the authority of an https gateway.", show_default="tls.trusted_ca"),
]


def loaded(config: Path | None, sets: list[str] | None, data_dir: Path | None = None) -> Loaded:
    """The settings with their origins, as file, environment and these flags have them."""
    flags = dict(_split(one) for one in sets or [])
    if data_dir is not None:
        flags["data.dir"] = str(data_dir)
    return layers.load(file=config, flags=flags)


def settled(settings: Settings) -> Settings:
    """Guards checked, warnings told, logging on: what every command that starts or changes something does first."""
    warn(guards.check(settings))
    configure_logging(level=settings.log.level, format=settings.log.format, redact=log_redaction(settings))
    return settings


def _split(one: str) -> tuple[str, str]:
    setting, split, value = one.partition("=")
    if not split:
        raise InvalidInput("bad_flag", f"--set {one}: write it as area.name=value", param="--set")
    return setting.strip(), value


def api_key(settings: Settings, given: str | None) -> str:
    """The key given, or the one that the first start put into the data folder. Raises InvalidInput `key_missing`."""
    if given:
        return given
    file = settings.data.dir.expanduser() / KEY_FILE
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidInput(
            "key_missing",
            f"no API key: give --key or VOICEAGENT_API_KEY ({file} cannot be read: {error.strerror})",
            param="--key",
        ) from error


def gateway_url(settings: Settings, given: str | None) -> str:
    """The gateway's address without a slash at its end."""
    server = settings.server
    host = "127.0.0.1" if server.host in ("", "0.0.0.0", "::") else server.host  # noqa: S104 - an address to call, not to bind
    return (given or f"{settings.scheme}://{host}:{server.gateway_port}").rstrip("/")


def gateway_tls(settings: Settings, ca: str | None = None) -> ssl.SSLContext | None:
    """How an https gateway is verified; None when the settings say nothing. Raises Misconfigured `certificate_unreadable`."""
    files = TlsFiles(settings.tls.client_certificate, ca=ca or settings.tls.trusted_ca)
    return client_context(files) if files != TlsFiles() else None
