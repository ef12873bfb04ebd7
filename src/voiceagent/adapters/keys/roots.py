"""Where the root key comes from: a file that the first start makes (`file:///path`), or the environment (`env:///NAME`)."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path
from urllib.parse import unquote

from voiceagent.adapters.keys.ring import KeyRing
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto_envelope import KEY_BYTES, WrappingKey, fresh_key
from voiceagent.kit.errors import Misconfigured
from voiceagent.ports.blobs import BlobStore

_ROOT_ID = "root"


def open_keys(url: str, *, ring: BlobStore, clock: Clock | None = None) -> KeyRing:
    """The tenants' keys in `ring`, under the root key of `url`: 32 bytes in base64. Raises what `read_key` raises."""
    return KeyRing(WrappingKey(_ROOT_ID, read_key(url)), ring, clock or SystemClock())


def read_key(url: str) -> bytes:
    """The 32 bytes of a root key; a file that is not there is made.

    Raises Misconfigured `keys_url`, `root_key_unreadable`, `root_key_bad`, `root_key_exposed`.
    """
    scheme, _, place = url.partition("://")
    if scheme == "file" and place.startswith("/") and place != "/":
        text = _from_file(Path(unquote(place)))
    elif scheme == "env" and place.strip("/"):
        text = _from_environment(place.strip("/"))
    else:
        raise Misconfigured("keys_url", "the keys' URL is file:///FILE or env:///NAME", param="keys.url")
    return _decoded(text)


def _from_environment(name: str) -> str:
    """Taken out of the environment, so that no child process inherits it."""
    text = os.environ.pop(name, None) or _taken.get(name, "")
    if not text:
        raise Misconfigured(
            "root_key_unreadable", f"the variable {name} with the root key is not set", param="keys.url"
        )
    _taken[name] = text
    return text


_taken: dict[str, str] = {}
"""What was taken out of the environment of this process, for who opens the keys again."""


def _from_file(path: Path) -> str:
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise Misconfigured(
                "root_key_exposed", "others may read the file of the root key: chmod 600", param="keys.url"
            )
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as failure:
        raise Misconfigured(
            "root_key_unreadable", "the file of the root key cannot be read", param="keys.url"
        ) from failure


def _make(path: Path) -> None:
    """Whole or not at all, and never over one that another process made meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(base64.b64encode(fresh_key()) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass  # theirs is as good
    finally:
        fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise Misconfigured("root_key_bad", f"the root key is {KEY_BYTES} bytes in base64", param="keys.url")
    return key
