"""Tenants' keys as small objects of any blob store, each wrapped by the root key: `<tenant_id>/keys/<key_id>`. No root keys here."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from pathlib import Path

from voiceagent.adapters.keys.root import Root
from voiceagent.kit.clock import Clock
from voiceagent.kit.crypto_envelope import WrappingKey, context_of, fresh_key
from voiceagent.kit.errors import Conflict, Forbidden, Misconfigured, NotFound, Problem, Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.blobs import BlobStore
from voiceagent.ports.keys import TenantKeys

KNOWN_FOR_S = 5.0
_DESTROYED = "destroyed"
_PREFIX = "kek_"
_LOOKS = 5


class KeyRing:
    """Implements ports.keys.Keys. Objects are only added and removed, never changed, so that processes need not agree on anything."""

    def __init__(self, root: Root, ring: BlobStore, clock: Clock) -> None:
        self._root = root
        self._ring = ring
        self._clock = clock
        self._known: dict[str, tuple[float, TenantKeys]] = {}

    async def of(self, tenant_id: str, *, needed: str | None = None) -> TenantKeys:
        at_s, known = self._known.get(tenant_id, (0.0, None))
        now_s = self._clock.monotonic_s()
        if known is not None and now_s - at_s < KNOWN_FOR_S and needed in (None, *known.keys):
            return known
        found = await self._read(tenant_id, {} if known is None else dict(known.keys))
        if not found:
            await self._made(tenant_id)
            found = await self._read(tenant_id, {})
        keys = TenantKeys(tenant_id, found[max(found)], found)
        self._known[tenant_id] = (now_s, keys)
        return keys

    async def rotate(self, tenant_id: str) -> str:
        await self.of(tenant_id)
        self._known.pop(tenant_id, None)
        return await self._made(tenant_id)

    async def retire(self, tenant_id: str, key_id: str) -> bool:
        self._known.pop(tenant_id, None)
        if key_id == (await self.of(tenant_id)).active.key_id:
            raise Conflict("key_active", "this key wraps what is new: rotate first", param="key_id")
        self._known.pop(tenant_id, None)
        return await self._ring.delete(_name(tenant_id, key_id))

    async def destroy(self, tenant_id: str) -> int:
        await self._ring.put(_name(tenant_id, _DESTROYED), b"destroyed")
        names = [name async for name in self._ring.names(_name(tenant_id, _PREFIX))]
        for name in names:
            await self._ring.delete(name)
        self._known.pop(tenant_id, None)
        return len(names)

    def blind(self, value: str) -> str:
        return hmac.new(self._root.index_secret, value.encode(), hashlib.sha256).hexdigest()

    async def renew_root(self, aside: Path) -> bool:
        return await self._root.renew(aside)

    async def rewrap_root(self, tenant_id: str) -> int:
        count = 0
        for name in [name async for name in self._ring.names(_name(tenant_id, _PREFIX))]:
            count += await self._moved(tenant_id, name)
        return count

    async def retire_root(self, aside: Path) -> None:
        await self._root.retire(aside)

    async def _moved(self, tenant_id: str, name: str) -> bool:
        """Whether this key was put under the newest root key. A key that is destroyed meanwhile stays destroyed."""
        try:
            wrapped = await self._wrapped(name)
        except NotFound:
            return False
        context = context_of("tenant key", tenant_id, name.rpartition("/")[2])
        try:
            fresh = await self._root.rewrapped(wrapped, context)
        except Unavailable:
            raise
        except Problem as failure:
            raise _wrong_root() from failure
        if fresh is None or name not in [one async for one in self._ring.names(name)]:
            return False
        await self._ring.put(name, fresh)
        gone = _name(tenant_id, _DESTROYED)
        if gone in [one async for one in self._ring.names(gone)]:
            await self._ring.delete(name)
        return True

    async def close(self) -> None:
        self._known.clear()
        await self._root.close()
        await self._ring.close()

    async def _read(self, tenant_id: str, known: dict[str, WrappingKey]) -> dict[str, WrappingKey]:
        """The keys that are there now; those in `known` are not read again. Raises Unavailable `keys_unavailable` while they come and go."""
        for _ in range(_LOOKS):
            with suppress(NotFound):  # one was ended after it was listed
                return await self._listed(tenant_id, known)
        raise Unavailable("keys_unavailable", "the keys of this organisation are being replaced", retry_after_s=1.0)

    async def _listed(self, tenant_id: str, known: dict[str, WrappingKey]) -> dict[str, WrappingKey]:
        ids = [name.rpartition("/")[2] async for name in self._ring.names(_name(tenant_id, ""))]
        if _DESTROYED in ids:
            self._known.pop(tenant_id, None)
            raise Forbidden("keys_destroyed", "the keys of this organisation were destroyed, and with them its data")
        return {key_id: known.get(key_id) or await self._opened(tenant_id, key_id) for key_id in ids}

    async def _opened(self, tenant_id: str, key_id: str) -> WrappingKey:
        wrapped = await self._wrapped(_name(tenant_id, key_id))
        try:
            return WrappingKey(key_id, await self._root.unwrap(wrapped, context_of("tenant key", tenant_id, key_id)))
        except Unavailable:
            raise
        except Problem as failure:
            raise _wrong_root() from failure

    async def _wrapped(self, name: str) -> bytes:
        return b"".join([piece async for piece in self._ring.get(name)])

    async def _made(self, tenant_id: str) -> str:
        key_id = new_id(_PREFIX.rstrip("_"))
        wrapped = await self._root.wrap(fresh_key(), context_of("tenant key", tenant_id, key_id))
        await self._ring.put(_name(tenant_id, key_id), wrapped)
        return key_id


def _wrong_root() -> Misconfigured:
    return Misconfigured("root_key_wrong", "the root key does not open the keys of the organisations")


def _name(tenant_id: str, key_id: str) -> str:
    return f"{tenant_id}/keys/{key_id}"
