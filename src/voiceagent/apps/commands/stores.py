"""Commands that change the store themselves: opened, migrated, used, closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from voiceagent.apps.build import opened
from voiceagent.apps.commands.outcome import run
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.settings import Settings
from voiceagent.domain.audit import AuditEntry
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store

T = TypeVar("T")


def with_store(settings: Settings, use: Callable[[Store], Awaitable[T]]) -> T:
    """What `use` returns, given the store of these settings with its schema brought to this version."""

    async def work() -> T:
        clock = SystemClock()
        keys = await open_keys(settings, clock, make=False)
        store: Store = await opened("store", settings.url("store"), clock=clock, keys=keys)
        try:
            await store.migrate()
            return await use(store)
        finally:
            await store.close()
            if keys is not None:
                await keys.close()

    return run(work())


def local_deed(action: str, object_id: str, **data: str | int | bool | None) -> AuditEntry:
    """The audit row of a change made on the command line, by whoever may use it on this machine."""
    now = SystemClock().now()
    return AuditEntry(new_id("aud"), now, "service:command-line", action, object_id, data=dict(data))
