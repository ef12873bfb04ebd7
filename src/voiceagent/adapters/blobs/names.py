"""Which names an object may have, whatever keeps it. A name that passes cannot leave its tenant's prefix."""

from __future__ import annotations

import re

from voiceagent.kit.errors import InvalidInput

_PART = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]{1,200}"
_NAME = re.compile(rf"{_PART}/{_PART}/{_PART}", re.ASCII)
_PREFIX = re.compile(rf"(?:{_PART}/){{0,2}}(?:{_PART}/?)?", re.ASCII)

PIECE_BYTES = 1 << 20
"""Largest piece that `get` yields."""


def checked(name: str) -> str:
    """`name` when it is `<tenant_id>/<area>/<name>`. Raises InvalidInput `bad_blob_name`."""
    if _NAME.fullmatch(name) is None:
        raise _bad_name()
    return name


def checked_prefix(prefix: str) -> str:
    """`prefix` when a name can start with it and it holds the tenant whole, so that no listing spans two tenants."""
    if "/" not in prefix or _PREFIX.fullmatch(prefix) is None:
        raise _bad_name()
    return prefix


def _bad_name() -> InvalidInput:
    return InvalidInput(
        "bad_blob_name", "an object's name is tenant/area/name of letters, digits, '-', '_', '.'", param="name"
    )
