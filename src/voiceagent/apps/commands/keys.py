"""`voiceagent keys`: API keys, made and revoked in the store itself; works whether the platform runs or not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import listing, out, plain, print_json, run
from voiceagent.apps.commands.stores import check_installed, local_deed, with_store
from voiceagent.apps.keyring import ROTATION_LEAD_S, rotate
from voiceagent.domain.identity import DEFAULT_TENANT_ID, SCOPES, ApiKey, User
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import InvalidInput, NotFound
from voiceagent.ports.store import Store

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)
TenantOption = Annotated[str, typer.Option("--tenant", help="Id of the tenant.")]
_MOST_DAYS = 3_650
_NAME_CHARS = 80


@app.command(
    epilog="Examples: `voiceagent keys create 'my phone'`, `voiceagent keys create ci --scopes talk,documents:read --days 30`"
)
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scopes: Annotated[str, typer.Option(help="Comma-separated; all of them: " + ", ".join(SCOPES))] = "talk",
    days: Annotated[
        int | None,
        typer.Option(min=1, max=_MOST_DAYS, help="Days until it expires; never, without.", show_default=False),
    ] = None,
    email: Annotated[
        str,
        typer.Option(
            "--user", help="Whose key it is; a user's key can do no more than the user. Empty: the organisation's."
        ),
    ] = "",
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an API key and print it; it cannot be shown again."""
    if not 0 < len(name) <= _NAME_CHARS or not name.isprintable():
        message = f"a key's name is 1 to {_NAME_CHARS} printable characters"
        raise InvalidInput("invalid_value", message, param="name")
    wanted = frozenset(part.strip() for part in scopes.split(",") if part.strip())
    if not wanted or wanted - set(SCOPES):
        raise InvalidInput(
            "unknown_scope",
            f"unknown scopes: {', '.join(sorted(wanted - set(SCOPES))) or 'none given'}",
            param="--scopes",
        )
    now = SystemClock().now()
    expires_at = now + timedelta(days=days) if days else None

    async def made(store: Store) -> tuple[ApiKey, str]:
        async with store.begin(tenant) as work:
            user_id = _owner(await work.users.all(), email)
            key, secret = new_key(KeyOrder(tenant, user_id, name, wanted, expires_at), now)
            await work.keys.add(key)
            await work.audit.append(local_deed("key_created", key.key_id, prefix=key.prefix))
            return key, secret

    key, secret = with_store(settled(loaded(config, sets, data_dir).settings), made, tenant_id=tenant, begins=True)
    if as_json:
        print_json({"key_id": key.key_id, "secret": secret, "scopes": sorted(key.scopes), "expires_at": key.expires_at})
    else:
        out.print(secret)


def _owner(users: tuple[User, ...], email: str) -> str:
    if not email:
        return ""
    for user in users:
        if user.email.casefold() == email.casefold():
            return user.user_id
    raise NotFound("user_not_found", f"no user has the e-mail {email}", param="--user")


@app.command("list", epilog="Example: `voiceagent keys list --json`")
def list_keys(
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the keys, without their secrets."""

    async def read(store: Store) -> tuple[ApiKey, ...]:
        async with store.begin(tenant) as work:
            return await work.keys.all()

    keys = with_store(settled(loaded(config, sets, data_dir).settings), read, tenant_id=tenant)
    if as_json:
        print_json([
            {"key_id": key.key_id, "name": key.name, "prefix": key.prefix, "scopes": sorted(key.scopes), "created_at": key.created_at,
             "expires_at": key.expires_at, "revoked_at": key.revoked_at, "last_used_at": key.last_used_at}
            for key in keys
        ])  # fmt: skip
        return
    now = SystemClock().now()
    table = listing("key", "name", "begins with", "state", "scopes")
    for key in keys:
        table.add_row(key.key_id, plain(key.name), key.prefix, _state(key, now), ", ".join(sorted(key.scopes)))
    out.print(table)


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at:
        return "revoked"
    return "expired" if key.expires_at and key.expires_at <= now else "in force"


@app.command(epilog="Example: `voiceagent keys revoke key_01k...`")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key, see `voiceagent keys list`.")],
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key; it stops working within 5 seconds."""

    async def revoked(store: Store) -> bool:
        async with store.begin(tenant) as work:
            there_was_one = await work.keys.revoke(key_id, SystemClock().now())
            if there_was_one:
                await work.audit.append(local_deed("key_revoked", key_id))
            return there_was_one

    if not with_store(settled(loaded(config, sets, data_dir).settings), revoked, tenant_id=tenant):
        raise NotFound("key_not_found", f"there is no key {key_id}", param="key_id")
    if as_json:
        print_json({"key_id": key_id, "revoked": True})
    else:
        out.print(f"{key_id} is revoked")


@app.command(epilog="Example: `voiceagent keys rotate-signing`")
def rotate_signing(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Draw a new key for access tokens. A running gateway takes it over without a refused call; nobody has to sign in again."""
    settings = settled(loaded(config, sets, data_dir).settings)
    run(check_installed(settings))
    new = rotate(settings, SystemClock().now().timestamp())
    if as_json:
        print_json({"signs_from_s": new.signs_from_s})
    else:
        out.print(
            f"the new key signs in {ROTATION_LEAD_S:.0f} seconds; tokens of the old one stay valid while they last"
        )
