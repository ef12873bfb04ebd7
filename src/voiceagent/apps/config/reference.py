"""The page that documents every setting, written from the settings themselves."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path

from pydantic.fields import FieldInfo

from voiceagent.apps.config.area import Area
from voiceagent.apps.settings import areas, is_secret

_HEAD = """# Settings

Written by `voiceagent config reference`; do not edit. Values come from, later over earlier: the default, the file
(`--config FILE`, `VOICEAGENT_CONFIG`, `./voiceagent.toml`, or `voiceagent.toml` in the user's configuration folder),
the environment, flags (`--set area.name=value`). A key that is not in this list is refused, with its line and a suggestion.
`voiceagent config show --origin` prints what is in force and where each value comes from; secrets are masked. A secret can
also be read from a file: put `_FILE` behind its variable. Lists are written with commas in the environment and in flags.
The dashboard's page Configuration and `GET /api/v1/settings` (scope `settings:read`, for the organisation that runs the platform) show those of
the gateway's process, without secrets and without credentials in URLs.
"""


def settings_page() -> str:
    """The whole page, in Markdown."""
    return _HEAD + "".join(_section(name, area) for name, area in areas().items())


def _section(name: str, area: type[Area]) -> str:
    rows = "".join(_row(name, field, info) for field, info in area.model_fields.items())
    return f"\n## [{name}]\n\n{cleandoc(area.__doc__ or '')}\n\n| setting | environment | default | meaning |\n|---|---|---|---|\n{rows}"


def _row(area: str, name: str, info: FieldInfo) -> str:
    default = "" if is_secret(f"{area}.{name}") else _default(info)
    return f"| `{area}.{name}` | `{variable_of(area, name)}` | {default} | {info.description} |\n"


def _default(info: FieldInfo) -> str:
    """Folders of the user differ from machine to machine and are named in words."""
    value = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, Path):
        return "the user's folder for this purpose"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in ("", ()) else ""


def variable_of(area: str, name: str) -> str:
    """The variable of the environment that a setting is read from."""
    return f"VOICEAGENT_{area}__{name}".upper()
