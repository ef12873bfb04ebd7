"""The key of a tenant's local index: in a file beside it, wrapped by a key of the tenant. Reads and writes files; waits for nothing."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from voiceagent.adapters.vectors.local_upgrade import SEALED_FILE, sync_folder
from voiceagent.kit.crypto_envelope import WrappingKey, broken, context_of, fresh_key
from voiceagent.kit.errors import Misconfigured

_KEY_FILE = "index.key"


def wrapped_key(folder: Path) -> tuple[str, bytes] | None:
    """The id of the tenant's key, and what it wraps; None when the index has no key yet. Raises Problem `sealed_data_broken`."""
    try:
        key_id, _, wrapped = (folder / _KEY_FILE).read_text("ascii").partition(".")
        return key_id, base64.b64decode(wrapped, validate=True)
    except FileNotFoundError:
        return None
    except (binascii.Error, ValueError) as failure:
        raise broken() from failure


def opened_key(tenant_id: str, wrapped: tuple[str, bytes], keys: Mapping[str, WrappingKey]) -> bytes:
    """The index's own key. Raises Problem `sealed_data_broken` when none of `keys` opens it."""
    wrapping = keys.get(wrapped[0])
    if wrapping is None:
        raise broken()
    return wrapping.unwrap(wrapped[1], _context(tenant_id))


def make_key(folder: Path, tenant_id: str, wrapping: WrappingKey) -> None:
    """Give the index a key of its own, unless another process was faster. Raises Problem `sealed_data_broken` for an index that had one."""
    if (folder / SEALED_FILE).exists() and not (folder / _KEY_FILE).exists():
        raise broken()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = _written(folder, tenant_id, fresh_key(), wrapping)
    try:
        with suppress(FileExistsError):
            os.link(fresh, folder / _KEY_FILE)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(folder)


def put_key(folder: Path, tenant_id: str, key: bytes, wrapping: WrappingKey) -> None:
    """Put the same key under another key of the tenant: a power cut leaves it under the old or the new one."""
    os.replace(_written(folder, tenant_id, key, wrapping), folder / _KEY_FILE)
    sync_folder(folder)


def refuse_sealed(folder: Path) -> None:
    """Raises Misconfigured `keys_needed` where there are no keys and the index is sealed."""
    if (folder / SEALED_FILE).exists():
        raise Misconfigured("keys_needed", "the search index is sealed: set keys.url to the root key that it was under")


def _written(folder: Path, tenant_id: str, key: bytes, wrapping: WrappingKey) -> Path:
    text = f"{wrapping.key_id}.{base64.b64encode(wrapping.wrap(key, _context(tenant_id))).decode()}"
    path = folder / f".{_KEY_FILE}.{os.urandom(8).hex()}"
    with open(path, "x", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return path


def _context(tenant_id: str) -> bytes:
    return context_of("search index", tenant_id)
