"""/api/v1/settings: what this gateway runs by, to look at. It is changed where it is run, never here. For who runs the platform."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from voiceagent.domain.identity import DEFAULT_TENANT_ID, Principal
from voiceagent.gateway.parts import Gateway, gateway_of
from voiceagent.kit.errors import Forbidden
from voiceagent.web.app import Router
from voiceagent.web.auth import require

router: APIRouter = Router(prefix="/api/v1/settings", tags=["settings"])


class SettingView(BaseModel):
    """A setting in force. value: as one would write it; null of a secret, of which only is_set is told; credentials in URLs are `***`.

    variable: of the environment.  default: "" for none, and for folders of the user.  place: the file and line, variable or flag, "" of a default.
    """

    name: str
    variable: str
    meaning: str
    value: str | None
    is_set: bool
    default: str
    source: Literal["default", "file", "environment", "flag"]
    place: str


class SettingsAreaView(BaseModel):
    """Settings that belong together: a table of the settings file."""

    name: str
    meaning: str
    settings: list[SettingView]


class SettingsView(BaseModel):
    """apart: other services run in processes of their own, each by its own environment; these are the gateway's."""

    apart: bool
    areas: list[SettingsAreaView]


@router.get("")
async def list_settings(
    caller: Annotated[Principal, Depends(require("settings:read"))], parts: Annotated[Gateway, Depends(gateway_of)]
) -> SettingsView:
    """Every setting of the process that answers. They are one for all organisations: only the one that runs the platform sees them."""
    if caller.tenant_id != DEFAULT_TENANT_ID:
        raise Forbidden("operators_only", "Settings are shown to the organisation that runs the platform.")
    return SettingsView(
        apart=parts.settings.apart, areas=[SettingsAreaView(**asdict(one)) for one in parts.settings.areas]
    )
