"""Commands that change the store themselves: opened, migrated, used, closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from voiceagent.apps.build import opened
from voiceagent.apps.commands.outcome import run
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.settings import Settings
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import NotFound
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store

T = TypeVar("T")


def with_store(settings: Settings, use: Callable[[Store], Awaitable[T]], *, tenant_id: str = DEFAULT_TENANT_ID) -> T:
    """What `use` returns, given the store of these settings with its schema brought to this version.

    tenant_id: whom it is about. Raises NotFound `tenant_not_found` where there is no such organisation: people and keys of none
    would be there for nobody who keeps, backs up or erases what organisations have.
    """

    async def work() -> T:
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
