"""/api/v1/roles: the built-in roles, and those that the organisation makes for itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from voiceagent.domain.identity import ROLES, SCOPES, CustomRole, scopes_of
from voiceagent.gateway.deeds import deed
from voiceagent.gateway.identity.routes.shapes import Parts, PeopleReader, PeopleWriter, Strict, check_within
from voiceagent.kit.errors import Conflict, InvalidInput, NotFound
from voiceagent.web.app import Router

router: APIRouter = Router(prefix="/api/v1/roles", tags=["people"])

MOST_ROLES = 100
Name = Annotated[str, Path(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_-]*$")]


class RoleShown(BaseModel):
    """A role and what it may do. built_in: cannot be changed."""

    name: str
    scopes: list[str]
    built_in: bool


class RoleList(BaseModel):
    """The built-in roles, then the organisation's own."""

    items: list[RoleShown]


class RoleWanted(Strict):
    """What the role shall be allowed."""

    scopes: list[str] = Field(min_length=1, max_length=len(SCOPES))


@router.get("")
async def list_roles(caller: PeopleReader, parts: Parts) -> RoleList:
    """Every role that a person can have."""
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        own = await work.access.roles.all()
    built_in = [RoleShown(name=name, scopes=sorted(scopes), built_in=True) for name, scopes in ROLES.items()]
    return RoleList(
        items=built_in + [RoleShown(name=one.name, scopes=sorted(one.scopes), built_in=False) for one in own]
    )


@router.put("/{name}")
async def put_role(name: Name, wanted: RoleWanted, request: Request, caller: PeopleWriter, parts: Parts) -> RoleShown:
    """Make or change a role; neither before nor after may it have rights that the caller lacks. In force within 5 s."""
    unknown = [scope for scope in wanted.scopes if scope not in SCOPES]
    if unknown:
        raise InvalidInput("unknown_scope", "There is no such scope.", param="scopes")
    _refuse_built_in(name)
    role = CustomRole(name, frozenset(wanted.scopes))
    check_within(caller, name, role.scopes)
    async with parts.store.begin(caller.tenant_id) as work:
        known = await work.access.roles.all()
        check_within(caller, name, scopes_of(name, known))
        if len(known) >= MOST_ROLES and all(one.name != name for one in known):
            raise Conflict("too_many_roles", f"An organisation has at most {MOST_ROLES} roles of its own.")
        await work.access.roles.put(role)
        await work.audit.append(deed(request, "role_put", name, scopes=" ".join(sorted(role.scopes))))
    parts.identities.forget()
    return RoleShown(name=name, scopes=sorted(role.scopes), built_in=False)


@router.delete("/{name}", status_code=204)
async def delete_role(name: Name, request: Request, caller: PeopleWriter, parts: Parts) -> None:
    """Remove a role that nobody has."""
    _refuse_built_in(name)
    async with parts.store.begin(caller.tenant_id) as work:
        if any(user.role == name for user in await work.users.all()):
            raise Conflict("role_in_use", "People have this role; give them another one first.")
        if not await work.access.roles.delete(name):
            raise NotFound("role_not_found", "There is no such role.")
        await work.audit.append(deed(request, "role_deleted", name))
    parts.identities.forget()


def _refuse_built_in(name: str) -> None:
    if name in ROLES:
        raise Conflict("role_built_in", "The built-in roles cannot be changed.")
