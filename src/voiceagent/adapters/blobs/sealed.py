"""A blob store over any other: what it keeps is encrypted under a key of each object's own, which a key of the tenant wraps.

An object is a head (magic, id of its key, random 7 bytes) and chunks of 64 KiB in AES-256-GCM. A chunk's nonce says which it is and whether
it is the last, so that a piece cut off, swapped or repeated is found out. The wrapped key lies beside as `<tenant_id>/sealed-keys/<id>`:
a new tenant key is put in force by small objects, not by copying large ones. Objects from before there were keys stay readable.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from voiceagent.kit.crypto_envelope import broken, context_of, fresh_key
from voiceagent.kit.errors import InvalidInput, NotFound
from voiceagent.ports.blobs import BlobStore
from voiceagent.ports.keys import Keys

MAGIC = b"\x89VAS1\r\n\x00"
AREA = "sealed-keys"
CHUNK_BYTES = 64 * 1024
_ID_BYTES, _PREFIX_BYTES, _TAG_BYTES = 16, 7, 16
_HEAD_BYTES = len(MAGIC) + _ID_BYTES + _PREFIX_BYTES


def key_object(name: str, head: bytes) -> str | None:
    """The object with the key of the one called `name` that begins with `head`; None when that one is not sealed."""
    is_sealed = head.startswith(MAGIC) and len(head) >= _HEAD_BYTES
    return _key_name(name.partition("/")[0], _id_in(head)) if is_sealed else None


class SealedBlobs:
    """Implements ports.blobs.BlobStore on `inner`."""

    def __init__(self, inner: BlobStore, keys: Keys) -> None:
        self._inner = inner
        self._keys = keys

    async def put(self, name: str, data: AsyncIterator[bytes] | bytes) -> int:
        tenant_id = _tenant_of(name)
        before = await self._key_id_of(name)
        data_key, key_id = fresh_key(), os.urandom(_ID_BYTES)
        await self._put_key(tenant_id, key_id.hex(), data_key)
        sealing = _Sealing(data_key, name, MAGIC + key_id + os.urandom(_PREFIX_BYTES))
        try:
            await self._inner.put(name, sealing.sealed(data))
        except BaseException:
            await self._inner.delete(_key_name(tenant_id, key_id.hex()))
            raise
        if before is not None:
            await self._inner.delete(_key_name(tenant_id, before))
        return sealing.size_bytes

    async def get(self, name: str) -> AsyncIterator[bytes]:
        tenant_id = _tenant_of(name)
        pieces = self._inner.get(name)
        held = b""
        async for piece in pieces:
            held += piece
            if len(held) >= _HEAD_BYTES:
                break
        if not held.startswith(MAGIC):
            if held:
                yield held
            async for piece in pieces:
                yield piece
            return
        head, held = held[:_HEAD_BYTES], held[_HEAD_BYTES:]
        opening = _Sealing(await self._key(tenant_id, _id_in(head)), name, head)
        size, is_last = CHUNK_BYTES + _TAG_BYTES, False
        while not is_last:
            async for piece in pieces:
                held += piece
                if len(held) > size:
                    break
            is_last = len(held) <= size  # more than a chunk is held unless nothing follows
            while held and (len(held) > size or is_last):
                chunk, held = held[:size], held[size:]
                clear = opening.opened(chunk, is_last=is_last and not held)
                if clear:
                    yield clear
        if opening.count == 0:
            raise broken()

    async def delete(self, name: str) -> bool:
        key_id = await self._key_id_of(name)
        was_there = await self._inner.delete(name)
        if key_id is not None:
            await self._inner.delete(_key_name(_tenant_of(name), key_id))
        return was_there

    async def names(self, prefix: str) -> AsyncIterator[str]:
        async for name in self._inner.names(prefix):
            if f"/{AREA}/" not in name:
                yield name

    async def ready(self) -> bool:
        return await self._inner.ready()

    async def close(self) -> None:
        await self._inner.close()

    async def rewrap(self, tenant_id: str, *, old_key_id: str) -> int:
        """Put every object key that `old_key_id` wraps under the tenant's active key; how many. Objects stay readable throughout. Idempotent."""
        count = 0
        names = [name async for name in self._inner.names(f"{tenant_id}/{AREA}/")]
        for name in names:
            try:
                wrapped = await _whole(self._inner, name)
            except NotFound:
                continue  # its object was deleted meanwhile
            if wrapped.partition(b".")[0].decode("ascii", "replace") == old_key_id:
                object_key_id = name.rpartition("/")[2]
                await self._put_key(tenant_id, object_key_id, await self._unwrapped(tenant_id, object_key_id, wrapped))
                count += 1
        return count

    async def _put_key(self, tenant_id: str, object_key_id: str, data_key: bytes) -> None:
        active = (await self._keys.of(tenant_id)).active
        wrapped = active.wrap(data_key, context_of(tenant_id, "blob", object_key_id))
        await self._inner.put(_key_name(tenant_id, object_key_id), active.key_id.encode() + b"." + wrapped)

    async def _key(self, tenant_id: str, object_key_id: str) -> bytes:
        try:
            wrapped = await _whole(self._inner, _key_name(tenant_id, object_key_id))
        except NotFound as failure:
            raise broken() from failure
        return await self._unwrapped(tenant_id, object_key_id, wrapped)

    async def _unwrapped(self, tenant_id: str, object_key_id: str, wrapped: bytes) -> bytes:
        key_id, _, rest = wrapped.partition(b".")
        wrapping = (await self._keys.of(tenant_id, needed=key_id.decode("ascii", "replace"))).keys.get(
            key_id.decode("ascii", "replace")
        )
        if wrapping is None:
            raise broken()
        return wrapping.unwrap(rest, context_of(tenant_id, "blob", object_key_id))

    async def _key_id_of(self, name: str) -> str | None:
        """The id of the key of the object that is there now; None when there is none, or one from before there were keys."""
        held, pieces = b"", self._inner.get(name)
        try:
            async for piece in pieces:
                held += piece
                if len(held) >= _HEAD_BYTES:
                    break
        except NotFound:
            return None
        finally:
            close = getattr(pieces, "aclose", None)  # the rest is not wanted
            if close is not None:
                await close()
        return _id_in(held) if held.startswith(MAGIC) and len(held) >= _HEAD_BYTES else None


class _Sealing:
    """The chunks of one object, in order."""

    def __init__(self, data_key: bytes, name: str, head: bytes) -> None:
        self._cipher = AESGCM(data_key)
        self._context = context_of("object", name) + head
        self._head = head
        self._prefix = head[-_PREFIX_BYTES:]
        self.count = 0
        self.size_bytes = 0

    async def sealed(self, data: AsyncIterator[bytes] | bytes) -> AsyncIterator[bytes]:
        yield self._head
        held = bytearray()
        async for piece in _pieces(data):
            self.size_bytes += len(piece)
            held += piece
            done = bytearray()
            while len(held) > CHUNK_BYTES:
                done += self._cipher.encrypt(self._nonce(is_last=False), bytes(held[:CHUNK_BYTES]), self._context)
                del held[:CHUNK_BYTES]
            if done:
                yield bytes(done)
        yield self._cipher.encrypt(self._nonce(is_last=True), bytes(held), self._context)

    def opened(self, chunk: bytes, *, is_last: bool) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(is_last=is_last), chunk, self._context)
        except (InvalidTag, ValueError) as failure:
            raise broken() from failure

    def _nonce(self, *, is_last: bool) -> bytes:
        nonce = self._prefix + self.count.to_bytes(4) + bytes([is_last])
        self.count += 1
        return nonce


async def _pieces(data: AsyncIterator[bytes] | bytes) -> AsyncIterator[bytes]:
    if not isinstance(data, bytes):
        async for piece in data:
            yield piece
        return
    for start in range(0, len(data), 1 << 20):
        yield data[start : start + (1 << 20)]


async def _whole(blobs: BlobStore, name: str) -> bytes:
    return b"".join([piece async for piece in blobs.get(name)])


def _id_in(head: bytes) -> str:
    return head[len(MAGIC) : len(MAGIC) + _ID_BYTES].hex()


def _tenant_of(name: str) -> str:
    tenant_id, _, rest = name.partition("/")
    if rest.startswith(f"{AREA}/"):
        raise InvalidInput("bad_blob_name", "this area is kept for the keys of objects", param="name")
    return tenant_id


def _key_name(tenant_id: str, object_key_id: str) -> str:
    return f"{tenant_id}/{AREA}/{object_key_id}"
