"""The settings in force as they may be shown to who runs the platform: no secret, no credential in a URL, and where each value comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from voiceagent.apps.config.area import Area
from voiceagent.apps.config.layers import PREFIX
from voiceagent.apps.config.reference import variable_of
from voiceagent.apps.settings import Settings, areas
from voiceagent.gateway.parts import AreaTold, SettingsTold, SettingTold

MASK = "***"
_URL = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*://")
_LOGIN = re.compile(r":.*@", re.DOTALL)
_PLAIN = frozenset(
    "agent api_version compute concurrency context delay_ms deployment dimensions endpoint full_s key_env key_file kind language links_endpoint "
    "links_s local max_s max_tokens model name parallel patience_s price_in price_out priority rate_hz region role ssl_cert_reqs "
    "ssl_check_hostname sslmode tenant threads tls token_file tools unload_after_s verbose voice".split()
)
"""What a URL may say in words after its `?`. Anything else is masked: a credential under a name that nobody thought of stays hidden."""


def told(settings: Settings, origins: Mapping[str, str], *, apart: bool) -> SettingsTold:
    """Every setting. origins: as `layers.load` gives them."""
    return SettingsTold(apart, tuple(_area(name, area, settings, origins) for name, area in areas().items()))


def _area(name: str, area: type[Area], settings: Settings, origins: Mapping[str, str]) -> AreaTold:
    values = getattr(settings, name)
    rows = (
        _setting(name, field, info, getattr(values, field), origins.get(f"{name}.{field}", ""))
        for field, info in area.model_fields.items()
    )
    return AreaTold(name, cleandoc(area.__doc__ or ""), tuple(rows))


def _setting(area: str, name: str, info: FieldInfo, value: Any, origin: str) -> SettingTold:
    return SettingTold(
        name=f"{area}.{name}",
        variable=variable_of(area, name),
        meaning=info.description or "",
        value=None if isinstance(value, SecretStr) else _written(value),
        is_set=bool(value.get_secret_value()) if isinstance(value, SecretStr) else value not in ("", ()),
        default=_default(info),
        source=_source(origin),
        place=origin,
    )


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True, validated_data={})
    return "" if isinstance(value, SecretStr | Path) else _written(value)


def _source(origin: str) -> str:
    if not origin:
        return "default"
    if origin.startswith("--"):
        return "flag"
    return "environment" if origin.startswith(PREFIX) and ":" not in origin else "file"


def _written(value: Any) -> str:
    """As one would write it into the environment."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(without_credentials(one) for one in value)
    return without_credentials(str(value))


def without_credentials(text: str) -> str:
    """A URL without who logs in and without parameters that are not known to be harmless; any other text as it is.

    Cut by hand, not parsed: a password with `/`, `?` or `#` in it, unescaped, must not end up where a parser sees a path.
    """
    scheme = _URL.match(text.strip())
    if scheme is None:
        return MASK if _LOGIN.search(text) else text
    head, mark, query = text.strip()[scheme.end() :].partition("?")
    parameters = query.split("&") if mark else []
    if any("@" in one and not _is_url(one) for one in parameters):
        return scheme.group() + MASK  # the ? may be one of a password
    login, at, place = head.rpartition("@")
    place, sharp, _ = place.partition("#")
    shown = "&".join(_parameter(one) for one in parameters)
    return f"{scheme.group()}{MASK if login else ''}{at}{place}{sharp and sharp + MASK}{mark}{shown}"


def _is_url(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name in _PLAIN and _URL.match(value) is not None


def _parameter(one: str) -> str:
    name, same, value = one.partition("=")
    return f"{name}={without_credentials(value)}" if same and name in _PLAIN else MASK
