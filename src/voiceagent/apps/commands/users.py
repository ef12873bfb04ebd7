"""`voiceagent users`: people, added and changed in the store itself; works whether the platform runs or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import listing, out, plain, print_json
from voiceagent.apps.commands.stores import local_deed, with_store
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.identity import DEFAULT_TENANT_ID, ROLES, User, email_key
from voiceagent.gateway.identity.passwords import Passwords
from voiceagent.gateway.identity.sessions import handed_out
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import InvalidInput, NotFound
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store, UnitOfWork

app = typer.Typer(help="Add people, change their role, turn them away, reset their password.", no_args_is_help=True)
TenantOption = Annotated[str, typer.Option("--tenant", help="Id of the tenant.")]
EmailArgument = Annotated[str, typer.Argument(help="The person's e-mail: what they sign in with.")]
_PASSWORD_BYTES = 15
_RESET_LIFE = timedelta(hours=24)


@app.command(epilog="Example: `voiceagent users add ada@example.org --role operator`")
def add(
    email: EmailArgument,
    role: Annotated[str, typer.Option(help="One of: " + ", ".join(ROLES))] = "viewer",
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person and print a random password for them; it cannot be shown again."""
    _check_role(role)
    name, at, domain = email.partition("@")
    if not (name and at and domain) or not email.isprintable() or " " in email:
        raise InvalidInput("bad_email", f"{email!r} is not an e-mail address", param="email")
    password = random_token(_PASSWORD_BYTES)

    async def added(store: Store) -> User:
        user = User(new_id("user"), tenant, email, role, await _hashed(password), SystemClock().now())
        async with store.begin(tenant) as work:
            await work.users.add(user)
            await work.audit.append(local_deed("user_created", user.user_id, role=role))
        return user

    user = with_store(settled(loaded(config, sets, data_dir).settings), added, tenant_id=tenant, begins=True)
    if as_json:
        print_json({"user_id": user.user_id, "email": email, "role": role, "password": password})
    else:
        out.print(f"{email} may sign in with the password {password}", markup=False)


@app.command("list", epilog="Example: `voiceagent users list --json`")
def list_users(
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the people of a tenant."""

    async def read(store: Store) -> tuple[User, ...]:
        async with store.begin(tenant, read_only=True) as work:
            return await work.users.all()

    found = with_store(settled(loaded(config, sets, data_dir).settings), read, tenant_id=tenant)
    if as_json:
        print_json(
            [{"user_id": one.user_id, "email": one.email, "role": one.role, "disabled": one.disabled} for one in found]
        )
        return
    table = listing("person", "e-mail", "role", "state")
    for one in found:
        table.add_row(one.user_id, plain(one.email), one.role, "disabled" if one.disabled else "may sign in")
    out.print(table)


@app.command(epilog="Example: `voiceagent users role ada@example.org admin`")
def role(
    email: EmailArgument,
    role: Annotated[str, typer.Argument(help="One of: " + ", ".join(ROLES))],
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a person another role; their sessions end within 5 seconds."""
    _check_role(role)
    user = _change(_Place(config, sets, data_dir, tenant), email, lambda one: replace(one, role=role))
    _tell(user, f"{email} is {role} now", as_json=as_json)


@app.command(epilog="Example: `voiceagent users disable ada@example.org`")
def disable(
    email: EmailArgument,
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a person away; their keys, sessions and open calls end within 5 seconds."""
    user = _change(_Place(config, sets, data_dir, tenant), email, lambda one: replace(one, disabled=True))
    _tell(user, f"{email} may not sign in any more", as_json=as_json)


@app.command(epilog="Example: `voiceagent users enable ada@example.org`")
def enable(
    email: EmailArgument,
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a person in again who was turned away."""
    user = _change(_Place(config, sets, data_dir, tenant), email, lambda one: replace(one, disabled=False))
    _tell(user, f"{email} may sign in again", as_json=as_json)


@app.command(epilog="Example: `voiceagent users reset ada@example.org`")
def reset(
    email: EmailArgument,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Remove their authenticator app, too: they have lost it.")
    ] = False,
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a token with which a person sets a new password within 24 hours. The old one and their sessions end now."""
    tokens: list[str] = []

    async def hand_out(work: UnitOfWork, user: User) -> None:
        if second_factor:
            await work.access.second_factors.delete(user.user_id)
        grant, secret = handed_out("reset", user, "", SystemClock().now(), _RESET_LIFE)
        await work.access.grants.add(grant)
        tokens.append(secret)

    def told(user: User) -> AuditEntry:
        return local_deed("password_reset", user.user_id, second_factor=second_factor)

    place = _Place(config, sets, data_dir, tenant)
    user = _change(place, email, lambda one: replace(one, password_hash=""), also=hand_out, deed=told)
    if as_json:
        print_json({"user_id": user.user_id, "token": tokens[0]})
    else:
        out.print(f"{email} sends this with a password to /api/v1/auth/password: {tokens[0]}", markup=False)


class _Place:
    """Where the person is: the settings' store, and the tenant."""

    def __init__(self, config: Path | None, sets: list[str] | None, data_dir: Path | None, tenant: str) -> None:
        self.settings = settled(loaded(config, sets, data_dir).settings)
        self.tenant = tenant


async def _nothing(_work: UnitOfWork, _user: User) -> None:
    """Nothing more is to be done."""


def _user_changed(user: User) -> AuditEntry:
    return local_deed("user_changed", user.user_id, role=user.role, disabled=user.disabled)


def _change(
    place: _Place,
    email: str,
    change: Callable[[User], User],
    *,
    also: Callable[[UnitOfWork, User], Awaitable[None]] = _nothing,
    deed: Callable[[User], AuditEntry] = _user_changed,
) -> User:
    async def changed(store: Store) -> User:
        async with store.begin(place.tenant) as work:
            before = await _found(work, email)
            after = replace(change(before), epoch=before.epoch + 1)
            await work.users.put(after)
            await also(work, after)
            await work.audit.append(deed(after))
        return after

    return with_store(place.settings, changed, tenant_id=place.tenant)


async def _found(work: UnitOfWork, email: str) -> User:
    for user in await work.users.all():
        if email_key(user.email) == email_key(email):
            return user
    raise NotFound("user_not_found", f"no user has the e-mail {email}", param="email")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidInput("unknown_role", f"there is no role {role}; known are {', '.join(ROLES)}", param="--role")


def _tell(user: User, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"user_id": user.user_id, "email": user.email, "role": user.role, "disabled": user.disabled})
    else:
        out.print(words, markup=False)


async def _hashed(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hashed(password)
    finally:
        passwords.close()
