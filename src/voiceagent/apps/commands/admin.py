"""`voiceagent migrate` and `voiceagent users`: the store's schema and its people."""

from __future__ import annotations

from typing import Annotated

import typer

from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import out, print_json
from voiceagent.apps.commands.stores import with_store
from voiceagent.domain.identity import DEFAULT_TENANT_ID, ROLES, User
from voiceagent.gateway.identity.passwords import Passwords
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import InvalidInput
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store

users = typer.Typer(help="Add people.", no_args_is_help=True)
_PASSWORD_BYTES = 15


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `voiceagent migrate --data-dir /srv/voiceagent`")(migrate)


def migrate(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Bring the store's schema to this version. `up` and `serve` do it by themselves; safe to repeat."""

    async def nothing(_: Store) -> None:
        """Opening has migrated it."""

    with_store(settled(loaded(config, sets, data_dir).settings), nothing)
    if as_json:
        print_json({"migrated": True})
    else:
        out.print("the store is of this version")


@users.command(epilog="Example: `voiceagent users add ada@example.org --role operator`")
def add(
    email: Annotated[str, typer.Argument(help="The person's e-mail: what they sign in with.")],
    role: Annotated[str, typer.Option(help="One of: " + ", ".join(ROLES))] = "viewer",
    tenant: Annotated[str, typer.Option("--tenant", help="Id of the tenant.")] = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person and print a random password for them; it cannot be shown again."""
    if role not in ROLES:
        raise InvalidInput("unknown_role", f"there is no role {role}; known are {', '.join(ROLES)}", param="--role")
    name, at, domain = email.partition("@")
    if not (name and at and domain) or not email.isprintable() or " " in email:
        raise InvalidInput("bad_email", f"{email!r} is not an e-mail address", param="email")
    password = random_token(_PASSWORD_BYTES)

    async def added(store: Store) -> User:
        user = User(new_id("user"), tenant, email, role, await _hashed(password), SystemClock().now())
        async with store.begin(tenant) as work:
            await work.users.add(user)
        return user

    user = with_store(settled(loaded(config, sets, data_dir).settings), added)
    if as_json:
        print_json({"user_id": user.user_id, "email": email, "role": role, "password": password})
    else:
        out.print(f"{email} may sign in with the password {password}", markup=False)


async def _hashed(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hashed(password)
    finally:
        passwords.close()
