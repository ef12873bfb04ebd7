"""/api/v1/auth/login, /api/v1/me, /api/v1/users: signing in, who am I, the people of the organisation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.identity import ROLES, Principal, User
from voiceagent.gateway.deeds import deed
from voiceagent.gateway.identity.callers import address_of
from voiceagent.gateway.parts import Gateway, gateway_of
from voiceagent.kit.errors import Conflict, Forbidden, Unauthenticated
from voiceagent.kit.ids import new_id
from voiceagent.web.app import Router
from voiceagent.web.auth import anyone, require
from voiceagent.web.tokens import ACCESS_LIFE_S

router: APIRouter = Router(prefix="/api/v1")

Reader = Annotated[Principal, Depends(require("users:read"))]
Writer = Annotated[Principal, Depends(require("users:write"))]
Caller = Annotated[Principal, Depends(require())]
Parts = Annotated[Gateway, Depends(gateway_of)]
Role = Literal["owner", "admin", "operator", "analyst", "viewer"]
_EMAIL = r"^[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,190}$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignIn(_Strict):
    """E-mail and password."""

    email: str = Field(max_length=256)
    password: str = Field(max_length=1024)


class SignedIn(BaseModel):
    """An access token for the Authorization header and its life in seconds."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 the name of the scheme
    expires_in: int = ACCESS_LIFE_S


class Me(BaseModel):
    """The caller as the platform sees it."""

    tenant_id: str
    subject: str
    kind: str
    scopes: list[str]


class UserShown(BaseModel):
    """A person of the organisation."""

    user_id: str
    email: str
    role: str
    created_at: datetime
    disabled: bool


class UserList(BaseModel):
    """Every person, by e-mail."""

    items: list[UserShown]


class UserWanted(_Strict):
    """A person to add."""

    email: str = Field(pattern=_EMAIL, max_length=256)
    password: str = Field(max_length=1024)
    role: Role = "viewer"


class UserChange(_Strict):
    """What to change; the rest stays."""

    role: Role | None = None
    disabled: bool | None = None
    password: str | None = Field(default=None, max_length=1024)


@router.post("/auth/login", tags=["people"], dependencies=[Depends(anyone)])
async def sign_in(wanted: SignIn, request: Request, parts: Parts) -> SignedIn:
    """A short-lived access token for an e-mail and its password."""
    account = wanted.email.strip().lower()
    await parts.limiter.take(request, parts.rates.sign_in, f"address\0{address_of(request)}", f"account\0{account}")
    user = await parts.store.directory.user_by_email(account)
    fits = await parts.passwords.match(user.password_hash if user else None, wanted.password)
    if user is None or not fits or user.disabled:
        raise Unauthenticated("bad_sign_in", "The e-mail or the password is wrong.")
    principal = Principal(user.tenant_id, user.user_id, ROLES.get(user.role, frozenset()), kind="user")
    async with parts.store.begin(user.tenant_id) as work:
        await work.audit.append(deed(request, "signed_in", user.user_id))
    return SignedIn(access_token=parts.access.issue(principal, new_id("ses")))


@router.get("/me", tags=["people"])
async def me(caller: Caller) -> Me:
    """Who the caller is and what it may do."""
    return Me(tenant_id=caller.tenant_id, subject=caller.subject, kind=caller.kind, scopes=sorted(caller.scopes))


@router.get("/users", tags=["people"])
async def list_users(caller: Reader, parts: Parts) -> UserList:
    """Every person of the organisation."""
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        return UserList(items=[_shown(user) for user in await work.users.all()])


@router.get("/users/{user_id}", tags=["people"])
async def get_user(user_id: str, caller: Reader, parts: Parts) -> UserShown:
    """One person."""
    async with parts.store.begin(caller.tenant_id, read_only=True) as work:
        return _shown(await work.users.get(user_id))


@router.post("/users", status_code=201, tags=["people"])
async def create_user(wanted: UserWanted, request: Request, caller: Writer, parts: Parts) -> UserShown:
    """Add a person, with no more rights than the caller has."""
    _may_give(caller, wanted.role)
    user = User(
        user_id=new_id("user"),
        tenant_id=caller.tenant_id,
        email=wanted.email,
        role=wanted.role,
        password_hash=await parts.passwords.hashed(wanted.password),
        created_at=datetime.now(UTC),
    )
    async with parts.store.begin(caller.tenant_id) as work:
        await work.users.add(user)
        await work.audit.append(deed(request, "user_created", user.user_id, role=user.role))
    return _shown(user)


@router.patch("/users/{user_id}", tags=["people"])
async def change_user(user_id: str, change: UserChange, request: Request, caller: Writer, parts: Parts) -> UserShown:
    """Change role, password or standing of a person who has no more rights than the caller. In force everywhere within 5 s."""
    password_hash = await parts.passwords.hashed(change.password) if change.password is not None else None
    async with parts.store.begin(caller.tenant_id) as work:
        before = await work.users.get(user_id)
        _may_give(caller, before.role)
        after = _changed(before, change, password_hash)
        _may_give(caller, after.role)
        if user_id == caller.subject and (after.disabled or after.role != before.role):
            raise Conflict("own_account", "Nobody can take away their own rights.")
        await work.users.put(after)
        await work.audit.append(
            deed(
                request, "user_changed", user_id, role=after.role, disabled=after.disabled, password=bool(password_hash)
            )
        )
    parts.identities.forget()
    return _shown(after)


def _changed(user: User, change: UserChange, password_hash: str | None) -> User:
    return replace(
        user,
        role=change.role or user.role,
        disabled=user.disabled if change.disabled is None else change.disabled,
        password_hash=password_hash or user.password_hash,
    )


def _may_give(caller: Principal, role: str) -> None:
    if not ROLES.get(role, frozenset()) <= caller.scopes:
        raise Forbidden("role_too_high", f"The role {role} has rights that you do not have.")


def _shown(user: User) -> UserShown:
    return UserShown(
        user_id=user.user_id, email=user.email, role=user.role, created_at=user.created_at, disabled=user.disabled
    )
