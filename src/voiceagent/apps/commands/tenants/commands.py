"""`voiceagent tenants`: organisations, made and listed in the store itself; works whether the platform runs or not."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import listing, out, plain, print_json
from voiceagent.apps.commands.stores import local_deed, with_store
from voiceagent.domain.identity import DEFAULT_TENANT_ID, Tenant
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Conflict, InvalidInput
from voiceagent.ports.store import Store

app = typer.Typer(help="Add and list organisations.", no_args_is_help=True)
_ID = re.compile(r"ten_[a-z0-9][a-z0-9_-]{0,58}")
_NAME_CHARS = 100


@app.command(
    epilog="Example: `voiceagent tenants add ten_acme 'Acme Ltd.'`, then `voiceagent users add` with `--tenant`"
)
def add(
    tenant_id: Annotated[str, typer.Argument(help="Its id: ten_ and then small letters, digits, '-' and '_'.")],
    name: Annotated[str, typer.Argument(help="What people call it.")],
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an organisation: nothing crosses from one to another. It has nobody yet."""
    if not _ID.fullmatch(tenant_id):
        raise InvalidInput(
            "bad_tenant_id", "an id is ten_ and then small letters, digits, '-' and '_'", param="tenant_id"
        )
    if not 0 < len(name) <= _NAME_CHARS or not name.isprintable():
        raise InvalidInput("invalid_value", f"a name is 1 to {_NAME_CHARS} printable characters", param="name")

    async def added(store: Store) -> None:
        if any(one.tenant_id == tenant_id for one in await store.directory.tenants()):
            raise Conflict("tenant_exists", "an organisation with this id exists", param="tenant_id")
        async with store.begin(
            DEFAULT_TENANT_ID
        ) as work:  # before: the two stand in logs and transactions of their own
            await work.audit.append(local_deed("tenant_created", tenant_id))
        await store.directory.add_tenant(Tenant(tenant_id, name, SystemClock().now()))

    with_store(settled(loaded(config, sets, data_dir).settings), added, begins=True)
    if as_json:
        print_json({"tenant_id": tenant_id, "name": name})
    else:
        told = f"{tenant_id} is an organisation now; voiceagent users add E-MAIL --role owner --tenant {tenant_id}"
        out.print(told, markup=False)


@app.command("list", epilog="Example: `voiceagent tenants list --json`")
def list_tenants(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """List the organisations."""

    async def read(store: Store) -> tuple[Tenant, ...]:
        return await store.directory.tenants()

    found = with_store(settled(loaded(config, sets, data_dir).settings), read)
    if as_json:
        print_json([{"tenant_id": one.tenant_id, "name": one.name, "created_at": one.created_at} for one in found])
        return
    table = listing("organisation", "name", "since")
    for one in found:
        table.add_row(one.tenant_id, plain(one.name), one.created_at.isoformat(timespec="seconds"))
    out.print(table)
