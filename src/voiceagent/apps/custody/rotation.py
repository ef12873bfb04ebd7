"""Gives a tenant, or the whole installation, a new key while everything is served, puts all that the old ones wrap under it, and ends those."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from voiceagent.ports.keys import Keys, Rewrapped, RootKeys
from voiceagent.ports.store import Store

ROWS_AT_A_TIME = 500
KNOWN_EVERYWHERE_S = 6.0
"""A process may use a key that it knows for 5 s without looking again."""


Wait = Callable[[float], Awaitable[None]]


async def rotate(
    store: Store, places: Collection[Rewrapped], keys: Keys, tenant_id: str, *, wait: Wait = asyncio.sleep
) -> int:
    """How many keys of rows and of what `places` keep were put under a new key. When it was stopped halfway, the next call goes on and ends it."""
    await keys.rotate(tenant_id)
    await wait(KNOWN_EVERYWHERE_S)  # from then on nobody wraps with an older one
    known = await keys.of(tenant_id)
    count = 0
    old_key_ids = sorted(set(known.keys) - {known.active.key_id})
    for old_key_id in old_key_ids:
        count += sum([await place.rewrap(tenant_id, old_key_id=old_key_id) for place in places])
        while moved := await _rows(store, tenant_id, old_key_id):  # from the beginning, until nothing was left
            count += moved
    await wait(KNOWN_EVERYWHERE_S)  # who read what an old key wraps, before it was moved, opens it meanwhile
    for old_key_id in old_key_ids:
        await keys.retire(tenant_id, old_key_id)
    return count


async def rotate_root(store: Store, keys: RootKeys, aside: Path, *, wait: Wait = asyncio.sleep) -> int | None:
    """How many tenants' keys were put under a new root key; None when the operator has to set what is in `aside` and run it again.

    When it was stopped halfway, the next call goes on and ends it.
    """
    if not await keys.renew_root(aside):
        return None
    count = 0
    while moved := await _under_newest(store, keys):
        count += moved
        await wait(KNOWN_EVERYWHERE_S)  # a key that was just being made under the old one is found in the next round
    await keys.retire_root(aside)
    return count


async def _under_newest(store: Store, keys: RootKeys) -> int:
    return sum([await keys.rewrap_root(tenant.tenant_id) for tenant in await store.directory.tenants()])


async def _rows(store: Store, tenant_id: str, old_key_id: str) -> int:
    """How many, from the first row to the last, some a transaction."""
    count, after, is_over = 0, "", False
    while not is_over:
        async with store.begin(tenant_id) as work:
            moved, after = await work.seals.rewrap(old_key_id=old_key_id, limit=ROWS_AT_A_TIME, after=after)
        count, is_over = count + moved, not after
    return count
