"""Root keys kept here: in a file that the first start makes (`file:///path`), or in the environment (`env:///NAME`).

The text is one or more keys of 32 bytes in base64, the newest first: it wraps, all of them open. `index:KEY` goes with them for good.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from voiceagent.adapters.keys.ring import KeyRing
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto_envelope import KEY_BYTES, WrappingKey, broken, fresh_key
from voiceagent.kit.errors import Conflict, Misconfigured, Problem
from voiceagent.ports.blobs import BlobStore

_INDEX = "index:"


def open_keys(url: str, *, ring: BlobStore, clock: Clock | None = None) -> KeyRing:
    """The tenants' keys in `ring`, under the root key of `url`. Raises what `read_key` raises."""
    return KeyRing(LocalRoot(url), ring, clock or SystemClock())


def read_key(url: str) -> bytes:
    """The 32 bytes of a root key, the newest of several; a file that is not there is made.

    Raises Misconfigured `keys_url`, `root_key_unreadable`, `root_key_bad`, `root_key_exposed`.
    """
    return _read(url).secrets[0]


@dataclass(frozen=True, slots=True)
class _Text:
    """What stands where the root key is kept."""

    secrets: tuple[bytes, ...] = field(repr=False)
    index: bytes = field(repr=False)

    def __str__(self) -> str:
        keys = [base64.b64encode(secret).decode() for secret in self.secrets]
        return "\n".join([*keys, _INDEX + base64.b64encode(self.index).decode()]) + "\n"


class LocalRoot:
    """Implements adapters.keys.root.Root. A file is read again when it has changed, so that a running process follows a rotation."""

    def __init__(self, url: str) -> None:
        self._url = url
        scheme, _, place = url.partition("://")
        self._file = Path(unquote(place)) if scheme == "file" else None
        self._text = _read(url)
        self._stamp = self._stamped()

    @property
    def index_secret(self) -> bytes:
        return self._text.index

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._live()[0].wrap(key, context)

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        for root in self._live():
            try:
                return root.unwrap(wrapped, context)
            except Problem:
                continue
        raise broken()

    async def rewrapped(self, wrapped: bytes, context: bytes) -> bytes | None:
        newest = self._live()[0]
        try:
            newest.unwrap(wrapped, context)
        except Problem:
            return newest.wrap(await self.unwrap(wrapped, context), context)
        return None

    async def renew(self, aside: Path) -> bool:
        self._live()
        if len(self._text.secrets) > 1:
            return True
        text = _Text((fresh_key(), *self._text.secrets), self._text.index)
        if self._file is None:
            _written(aside, str(text))
            return False
        _replaced(self._file, str(text))
        return True

    async def retire(self, aside: Path) -> None:
        self._live()
        newest, *older = self._text.secrets
        if not older:
            return
        text = _Text((newest,), self._text.index)
        if self._file is None:
            _written(aside, str(text))
            return
        _written(aside, str(_Text(tuple(older), self._text.index)))
        _replaced(self._file, str(text))

    async def close(self) -> None:
        return None

    def _live(self) -> tuple[WrappingKey, ...]:
        if (stamp := self._stamped()) != self._stamp:
            self._text, self._stamp = _read(self._url), stamp
        return tuple(WrappingKey(f"root{number}", secret) for number, secret in enumerate(self._text.secrets))

    def _stamped(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        try:
            seen = self._file.stat()
        except OSError as failure:
            raise _unreadable() from failure
        return seen.st_mtime_ns, seen.st_ino


def _read(url: str) -> _Text:
    scheme, _, place = url.partition("://")
    if scheme == "file" and place.startswith("/") and place != "/":
        return _decoded(_from_file(Path(unquote(place))))
    if scheme == "env" and place.strip("/"):
        return _decoded(_from_environment(place.strip("/")))
    message = "the keys' URL is file:///FILE, env:///NAME or vault+https://HOST/MOUNT/NAME"
    raise Misconfigured("keys_url", message, param="keys.url")


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
        raise _unreadable() from failure


def _unreadable() -> Misconfigured:
    return Misconfigured("root_key_unreadable", "the file of the root key cannot be read", param="keys.url")


def _make(path: Path) -> None:
    """Whole or not at all, and never over one that another process made meanwhile."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = _fresh(path, base64.b64encode(fresh_key()).decode() + "\n")
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass  # theirs is as good
    finally:
        fresh.unlink()
    _synced(path.parent)


def _replaced(path: Path, text: str) -> None:
    """Whole or not at all, over what was there."""
    try:
        _fresh(path, text).replace(path)
        _synced(path.parent)
    except OSError as failure:
        message = "the file of the root key cannot be written"
        raise Misconfigured("root_key_unreadable", message, param="keys.url") from failure


def _written(path: Path, text: str) -> None:
    """A new file, or one with just this in it. Raises Conflict `file_exists`, Misconfigured `root_key_unreadable`."""
    try:
        if path.exists():
            if path.read_text(encoding="ascii") != text:
                raise Conflict("file_exists", f"{path} is there already, with something else in it")
            return
        _make_of(path, text)
    except (OSError, UnicodeDecodeError) as failure:
        raise Misconfigured("root_key_unreadable", f"{path} cannot be written", param="keys.url") from failure


def _make_of(path: Path, text: str) -> None:
    _fresh(path, text).replace(path)
    _synced(path.parent)


def _fresh(path: Path, text: str) -> Path:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return fresh


def _synced(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _decoded(text: str) -> _Text:
    words = text.replace(",", " ").split()
    keys = tuple(_key(word) for word in words if not word.startswith(_INDEX))
    index = next((_key(word.removeprefix(_INDEX)) for word in words if word.startswith(_INDEX)), None)
    if not keys:
        raise _bad()
    return _Text(keys, index or hmac.digest(keys[-1], b"voiceagent blind index", "sha256"))


def _key(word: str) -> bytes:
    try:
        key = base64.b64decode(word, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise _bad()
    return key


def _bad() -> Misconfigured:
    return Misconfigured("root_key_bad", f"a root key is {KEY_BYTES} bytes in base64", param="keys.url")
