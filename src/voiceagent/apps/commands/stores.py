"""Commands that change the store themselves: opened, migrated, used, closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.schema import revision_of
from voiceagent.adapters.store.sql import dialect_of
from voiceagent.apps.build import opened
from voiceagent.apps.commands.outcome import run
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.run import own_folder
from voiceagent.apps.settings import Settings
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Misconfigured, NotFound
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store

T = TypeVar("T")


def with_store(
    settings: Settings,
    use: Callable[[Store], Awaitable[T]],
    *,
    tenant_id: str = DEFAULT_TENANT_ID,
    begins: bool = False,
) -> T:
    """What `use` returns, given the store of these settings with its schema brought to this version.

    tenant_id: whom it is about.  begins: the command may be the first one of an installation. Raises what `check_installed` raises, and
    NotFound `tenant_not_found` where there is no such organisation: people and keys of none would be there for nobody who keeps, backs up
    or erases what organisations have.
    """

    async def work() -> T:
        if begins:
            own_folder(settings.data.dir)
        else:
            await check_installed(settings)
        clock = SystemClock()
        keys = await open_keys(settings, clock, make=False)
        store: Store = await opened("store", settings.url("store"), clock=clock, keys=keys)
        try:
            await store.migrate()
            await check_tenant(store, tenant_id)
            return await use(store)
        finally:
            await store.close()
            if keys is not None:
                await keys.close()

    return run(work())


async def check_installed(settings: Settings) -> None:
    """Raises Misconfigured `no_installation` where there is none, so that a mistyped folder or database is told, and nothing is made there."""
    url = settings.url("store")
    dialect = dialect_of(url)
    try:
        if dialect.name == "sqlite" and not await asyncio.to_thread(Path(url.removeprefix("sqlite:///")).is_file):
            raise _no_installation(settings)
        async with Database(dialect).transaction({}, "copy") as connection:
            if await revision_of(connection) is None:
                raise _no_installation(settings)
    finally:
        await dialect.close()


def _no_installation(settings: Settings) -> Misconfigured:
    return Misconfigured(
        "no_installation",
        f"there is no installation at {settings.data.dir} (store.url): look at --data-dir and --config; `voiceagent up` or `init` makes one",
        param="data.dir",
    )


async def check_tenant(store: Store, tenant_id: str) -> None:
    """Raises NotFound `tenant_not_found`. The first start makes the default organisation; commands may come before it."""
    if tenant_id != DEFAULT_TENANT_ID and all(one.tenant_id != tenant_id for one in await store.directory.tenants()):
        raise NotFound(
            "tenant_not_found", f"there is no organisation {tenant_id}; see voiceagent tenants list", param="--tenant"
        )


def local_deed(action: str, object_id: str, **data: str | int | bool | None) -> AuditEntry:
    """The audit row of a change made on the command line, by whoever may use it on this machine."""
    now = SystemClock().now()
    return AuditEntry(new_id("aud"), now, "service:command-line", action, object_id, data=dict(data))
