"""`voiceagent tls`: certificates for development. In production they come from the authority of the house."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded
from voiceagent.apps.commands.outcome import out, print_json
from voiceagent.apps.custody.authority import make_development_set

app = typer.Typer(help="Encryption on the way.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `init` a command of its own while it is the only one."""


@app.command(epilog="Examples: `voiceagent tls init`, `voiceagent tls init --folder certificates --host voice.test`")
def init(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where to write.", show_default="tls in the data folder")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option("--host", help="A further name or address of the doors; may be repeated.")
    ] = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an authority for development and certificates for gateway, dashboard and every service; print the settings that use them."""
    to = folder or loaded(config, sets, data_dir).settings.data.dir.expanduser() / "tls"
    settings = make_development_set(to, host or ()).settings
    if as_json:
        print_json(settings)
        return
    out.print(f"# {to} holds the certificates. For voiceagent.toml:", style="dim")
    out.print("[tls]", markup=False)
    for name, value in settings.items():
        shown = value if value.isdigit() else f'"{value}"'
        out.print(f"{name.removeprefix('tls.')} = {shown}", markup=False, soft_wrap=True)
    out.print(
        "# A service of its own takes internal/SERVICE.pem and .key. Browsers trust the doors after importing ca.pem.",
        style="dim",
    )
