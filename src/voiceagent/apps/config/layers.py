"""Where settings come from: defaults < TOML file < environment < flags; and what is refused on the way, with its origin."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import ValidationError

from voiceagent.apps.settings import APP, Settings, areas, is_secret, setting_names
from voiceagent.kit.errors import Misconfigured

PREFIX = "VOICEAGENT_"
_SECRET_FILE_BYTES = 64 * 1024
_TABLE = re.compile(r"^\s*\[\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"^\s*([\w.-]+)\s*=")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and, for each `area.name` that is not a default, where its value comes from."""

    settings: Settings
    origins: dict[str, str] = field(default_factory=dict)

    def origin(self, setting: str) -> str:
        return self.origins.get(setting, "default")


@dataclass(slots=True)
class _Values:
    """Values gathered so far, later layers over earlier ones."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def put(self, setting: str, value: Any, origin: str) -> None:
        if setting not in setting_names():
            raise Misconfigured(
                "unknown_setting", f"{origin}: there is no setting {setting}{_suggestion(setting)}", param=setting
            )
        area, _, name = setting.partition(".")
        self.values.setdefault(area, {})[name] = value
        self.origins[setting] = origin


def load(
    *, file: Path | None = None, environment: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Loaded:
    """The settings. Raises Misconfigured `unknown_setting`, `bad_setting`, `settings_unreadable`, each naming file and line or variable."""
    variables = os.environ if environment is None else environment
    gathered = _Values()
    _read_file(gathered, file or _config_file(variables), must_exist=file is not None or f"{PREFIX}CONFIG" in variables)
    _read_environment(gathered, variables)
    for setting, value in (flags or {}).items():
        gathered.put(setting, value, f"--set {setting}")
    try:
        settings = Settings.model_validate(gathered.values)
    except ValidationError as error:
        raise _bad_setting(error, gathered.origins) from None
    return Loaded(settings, gathered.origins)


def _config_file(variables: Mapping[str, str]) -> Path:
    named = variables.get(f"{PREFIX}CONFIG")
    if named:
        return Path(named)
    here = Path("voiceagent.toml")
    return here if here.exists() else platformdirs.user_config_path(APP) / "voiceagent.toml"


def _read_file(gathered: _Values, path: Path, *, must_exist: bool) -> None:
    if not must_exist and not path.exists():
        return
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured("settings_unreadable", f"{path}: {_reason(error)}") from error
    lines = _lines(text)
    for area, table in tables.items():
        if not isinstance(table, dict):
            raise Misconfigured(
                "unknown_setting", f"{path}:{lines.get(area, 1)}: {area} stands outside every table such as [server]"
            )
        for name, value in table.items():
            setting = f"{area}.{name}"
            gathered.put(setting, value, f"{path}:{lines.get(setting, 1)}")


def _lines(text: str) -> dict[str, int]:
    """The line of each key, counted from 1: the parser of the standard library does not tell."""
    table, found = "", {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = f"{header[1]}."
        elif key := _KEY.match(line):
            found[table + key[1]] = number
    return found


def _read_environment(gathered: _Values, variables: Mapping[str, str]) -> None:
    for variable in sorted(variables):
        area, split, name = variable.removeprefix(PREFIX).lower().partition("__")
        looks_like_one = split or any(area.startswith(f"{known}_") for known in areas())
        if not variable.startswith(PREFIX) or not looks_like_one:
            continue
        if not split:
            meant = f"{PREFIX}{area.replace('_', '__', 1)}".upper()
            raise Misconfigured("unknown_setting", f"{variable}: two underscores part area and name; {meant}?")
        value, setting = variables[variable], f"{area}.{name}"
        plain = setting.removesuffix("_file")
        if setting not in setting_names() and plain in setting_names() and is_secret(plain):
            setting, value = plain, _secret_in(variable, value)
        gathered.put(setting, value, variable)


def _secret_in(variable: str, path: str) -> str:
    try:
        with open(path, encoding="utf-8") as opened:
            return opened.read(_SECRET_FILE_BYTES).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            "settings_unreadable", f"{variable}: cannot read the file that it names: {_reason(error)}"
        ) from error


def _suggestion(setting: str) -> str:
    names = setting_names()
    close = difflib.get_close_matches(setting, names, n=1, cutoff=0.6)
    if not close:
        close = [name for name in names if name.partition(".")[2] == setting.partition(".")[2]][:1]
    return f"; did you mean {close[0]}?" if close else "; `voiceagent config show` lists them all"


def _bad_setting(error: ValidationError, origins: Mapping[str, str]) -> Misconfigured:
    """The first thing that is wrong, without the value: it may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    setting = ".".join(str(part) for part in first["loc"][:2])
    origin = origins.get(setting, "default")
    where = origin if origin.endswith(setting) else f"{origin}: {setting}"
    return Misconfigured("bad_setting", f"{where}: {first['msg']}", param=setting)


def _reason(error: Exception) -> str:
    """Without the number and the file's name: who puts a secret where its file should be named must not find it in a message."""
    return str((error.strerror if isinstance(error, OSError) else None) or error)
