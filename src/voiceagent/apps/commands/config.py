"""`voiceagent config`: what is in force, where it comes from, and the page that documents every setting."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import SecretStr

from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded
from voiceagent.apps.commands.outcome import listing, out, print_json
from voiceagent.apps.config.layers import Loaded
from voiceagent.apps.config.reference import settings_page
from voiceagent.apps.config.told import MASK, without_credentials
from voiceagent.apps.settings import setting_names

app = typer.Typer(help="Show the settings.", no_args_is_help=True)


@app.command(epilog="Example: `voiceagent config show --origin --set server.gateway_port=9090`")
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the settings in force; secrets, and credentials in URLs, are masked."""
    found = loaded(config, sets, data_dir)
    rows = {setting: (shown(found, setting), found.origin(setting)) for setting in setting_names()}
    if as_json:
        print_json(
            {name: {"value": value, "from": where} if origin else value for name, (value, where) in rows.items()}
        )
        return
    table = listing("setting", "value", *(["from"] if origin else []))
    for name, (value, where) in rows.items():
        table.add_row(name, str(value), *([where] if origin else []))
    out.print(table)


@app.command(epilog="Example: `voiceagent config reference > docs/settings.md`")
def reference() -> None:
    """Print the page that documents every setting, in Markdown."""
    typer.echo(settings_page(), nl=False)


def shown(found: Loaded, setting: str) -> Any:
    """The value of `area.name` as it may be shown."""
    area, _, name = setting.partition(".")
    value = getattr(getattr(found.settings, area), name)
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return ",".join(without_credentials(one) for one in value)
    return value if isinstance(value, bool | int | float) else without_credentials(str(value))
