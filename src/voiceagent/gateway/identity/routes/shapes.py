"""Shapes and rules that the routes of identity share: who may give which role, how people are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.identity import ROLES, Principal, User, scopes_of
from voiceagent.gateway.parts import Gateway, gateway_of
from voiceagent.kit.errors import Forbidden, InvalidInput
from voiceagent.ports.store import UnitOfWork
from voiceagent.web.auth import require

Caller = Annotated[Principal, Depends(require())]
PeopleReader = Annotated[Principal, Depends(require("users:read"))]
PeopleWriter = Annotated[Principal, Depends(require("users:write"))]
Parts = Annotated[Gateway, Depends(gateway_of)]
RoleName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_-]*$")]
Password = Annotated[str, Field(max_length=1024)]
Email = Annotated[str, Field(pattern=r"^[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,190}$", max_length=256)]


class Strict(BaseModel):
    """A body that takes no field but its own."""

    model_config = ConfigDict(extra="forbid")


class UserShown(BaseModel):
    """A person of the organisation."""

    user_id: str
    email: str
    role: str
    created_at: datetime
    disabled: bool


def shown(user: User) -> UserShown:
    """Without what only the platform may know."""
    return UserShown(
        user_id=user.user_id, email=user.email, role=user.role, created_at=user.created_at, disabled=user.disabled
    )


async def check_may_give(work: UnitOfWork, caller: Principal, role: str) -> None:
    """Nobody gives, takes or touches more rights than they have. Raises InvalidInput `unknown_role`, Forbidden `role_too_high`."""
    custom = await work.access.roles.all()
    if role not in ROLES and all(one.name != role for one in custom):
        raise InvalidInput("unknown_role", "There is no such role.", param="role")
    check_within(caller, role, scopes_of(role, custom))


def check_within(caller: Principal, role: str, scopes: frozenset[str]) -> None:
    """Raises Forbidden `role_too_high`."""
    if not scopes <= caller.scopes:
        raise Forbidden("role_too_high", f"The role {role} has rights that you do not have.")
