"""The list of the erased, kept apart from what backups bring back: one small signed object an erasure."""

from __future__ import annotations

import base64
import binascii
import json

import structlog

from voiceagent.domain.erasure import Tombstone, packed, signed_bytes, unpacked
from voiceagent.kit.crypto_signing import Signer, is_signed
from voiceagent.ports.blobs import BlobStore

_log = structlog.get_logger(__name__)
AREA = "tombstones"


class Tombstones:
    """Tombstones in a blob store of their own: `<tenant_id>/tombstones/<erasure_id>`. They hold keyed hashes, and are not encrypted."""

    def __init__(self, blobs: BlobStore, signer: Signer) -> None:
        self._blobs = blobs
        self._signer = signer

    async def keep(self, tombstone: Tombstone) -> None:
        """Add it; durable when it returns. Idempotent. Raises what ports.blobs.BlobStore.put raises."""
        body = packed(tombstone)
        signature = base64.b64encode(self._signer.sign(_context(body))).decode()
        data = json.dumps({"body": body, "signature": signature}).encode()
        await self._blobs.put(f"{tombstone.tenant_id}/{AREA}/{tombstone.erasure_id}", data)

    async def withdraw(self, tombstone: Tombstone) -> None:
        """Take it away again: a legal hold stopped the erasure, and no restore shall go on with it. Idempotent."""
        await self._blobs.delete(f"{tombstone.tenant_id}/{AREA}/{tombstone.erasure_id}")

    async def of(self, tenant_id: str) -> tuple[Tombstone, ...]:
        """Every tombstone of the tenant, oldest first. One that this installation did not sign erases nobody, and is told."""
        found = []
        names = [name async for name in self._blobs.names(f"{tenant_id}/{AREA}/")]
        for name in names:
            data = b"".join([piece async for piece in self._blobs.get(name)])
            tombstone = self._checked(data)
            if tombstone is None or tombstone.tenant_id != tenant_id:
                _log.error("tombstone_not_ours", tenant_id=tenant_id, erasure_id=name.rpartition("/")[2])
            else:
                found.append(tombstone)
        return tuple(found)

    async def close(self) -> None:
        """Idempotent."""
        await self._blobs.close()

    def _checked(self, data: bytes) -> Tombstone | None:
        try:
            told = json.loads(data)
            signature = base64.b64decode(told["signature"], validate=True)
            if not is_signed(self._signer.public_hex, signature, _context(told["body"])):
                return None
            return unpacked(told["body"])
        except (ValueError, KeyError, TypeError, binascii.Error):
            return None


def _context(body: dict[str, object]) -> bytes:
    """What is signed: never taken for a certificate or an anchor, which the same key signs."""
    return b"voiceagent tombstone\0" + signed_bytes(body)
