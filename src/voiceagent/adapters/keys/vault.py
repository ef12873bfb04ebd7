"""A root key that never leaves Vault (or OpenBao): its transit engine wraps and opens, `vault+https://HOST:8200/MOUNT/KEY?token_file=/run/token`.

The token is that file's, or the variable VAULT_TOKEN's; it is renewed while it can be. `ca=FILE`: the authority of Vault's certificate; `namespace=NAME`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import structlog

from voiceagent.adapters.keys.ring import KeyRing
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto_envelope import KEY_BYTES, broken
from voiceagent.kit.errors import Misconfigured, Problem, Unavailable
from voiceagent.kit.tasks import TaskScope
from voiceagent.kit.tls import TlsFiles, client_context
from voiceagent.ports.blobs import BlobStore

CALL_S = 5.0
TRIES = 3
RENEW_AGAIN_S = 10.0
LONGEST_RENEWAL_S = 3_600.0
_DIGEST_BYTES = 32
_INDEX = "platform/keys/index"
_INDEX_CONTEXT = b"index secret"
_PATH = re.compile(r"/(?P<mount>[A-Za-z0-9_./-]+)/(?P<key>[A-Za-z0-9_.-]+)")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the key is. token_file: read at each call, as an agent writes it anew; empty: VAULT_TOKEN."""

    address: str
    mount: str
    key: str
    token_file: str = ""
    ca: str = ""
    namespace: str = ""

    @classmethod
    def of(cls, url: str) -> Place:
        """Raises Misconfigured `keys_url`."""
        parts, path = urlsplit(url), _PATH.fullmatch(urlsplit(url).path)
        if parts.scheme not in ("vault+https", "vault+http") or not parts.hostname or path is None:
            raise Misconfigured("keys_url", "the root key's URL is vault+https://HOST:8200/MOUNT/KEY", param="keys.url")
        words = {name: values[0] for name, values in parse_qs(parts.query).items()}
        address = f"{parts.scheme.removeprefix('vault+')}://{parts.netloc.rpartition('@')[2]}"
        files = words.get("token_file", ""), words.get("ca", "")
        return cls(address, path["mount"], path["key"], *files, words.get("namespace", ""))


async def open_keys(url: str, *, ring: BlobStore, clock: Clock | None = None) -> KeyRing:
    """The tenants' keys in `ring`, under the root key in Vault.

    Raises Misconfigured `keys_url`, `root_key_unreadable` or `vault_refused`, Unavailable `root_key_unavailable`.
    """
    root = VaultRoot(Place.of(url))
    try:
        await root.open(ring)
    except BaseException:
        await root.close()
        raise
    return KeyRing(root, ring, clock or SystemClock())


class VaultRoot:
    """Implements adapters.keys.root.Root. What a wrapped key belongs to is a digest beside it in the plaintext, so that Vault can rewrap it unseen."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._tls = client_context(TlsFiles(ca=place.ca)) if place.ca else None
        self._http: aiohttp.ClientSession | None = None
        self._renewals = TaskScope("vault")
        self._index = b""
        self._ring: BlobStore | None = None

    async def open(self, ring: BlobStore) -> None:
        """Connect, keep the token alive, and read the index secret from the ring, where the first start puts it."""
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls or True),
            timeout=aiohttp.ClientTimeout(total=CALL_S, connect=CALL_S / 2),
        )
        self._renewals.start(self._renewed(), name="token")
        self._ring = ring
        if _INDEX not in [name async for name in ring.names(_INDEX)]:
            await ring.put(_INDEX, await self.wrap(await self._derived(), _INDEX_CONTEXT))
        self._index = await self.unwrap(b"".join([piece async for piece in ring.get(_INDEX)]), _INDEX_CONTEXT)

    @property
    def index_secret(self) -> bytes:
        return self._index

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        plaintext = base64.b64encode(hashlib.sha256(context).digest() + key).decode()
        return self._text(await self._called("encrypt", {"plaintext": plaintext}), "ciphertext").encode()

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        told = await self._called("decrypt", {"ciphertext": _ciphertext(wrapped)})
        try:
            plain = base64.b64decode(self._text(told, "plaintext"), validate=True)
        except binascii.Error as failure:
            raise broken() from failure
        if len(plain) != _DIGEST_BYTES + KEY_BYTES or not hmac.compare_digest(
            plain[:_DIGEST_BYTES], hashlib.sha256(context).digest()
        ):
            raise broken()
        return plain[_DIGEST_BYTES:]

    async def rewrapped(self, wrapped: bytes, context: bytes) -> bytes | None:
        if _version(_ciphertext(wrapped)) >= await self._latest():
            return None
        await self.unwrap(wrapped, context)  # what belongs elsewhere is not carried on
        told = await self._called("rewrap", {"ciphertext": _ciphertext(wrapped)})
        return self._text(told, "ciphertext").encode()

    async def renew(self, aside: Path) -> bool:
        key = await self._key()
        if int(key["latest_version"]) == int(key.get("min_decryption_version") or 1):
            await self._sent("POST", f"{self._place.mount}/keys/{self._place.key}/rotate", {})
        return True

    async def retire(self, aside: Path) -> None:
        """Vault opens nothing under older versions from here on; it keeps them, and can be told to again. `aside` is not written."""
        if self._ring is not None:
            await self._index_moved(self._ring)
        path = f"{self._place.mount}/keys/{self._place.key}/config"
        await self._sent("POST", path, {"min_decryption_version": await self._latest()})

    async def _index_moved(self, ring: BlobStore) -> None:
        fresh = await self.rewrapped(b"".join([piece async for piece in ring.get(_INDEX)]), _INDEX_CONTEXT)
        if fresh is not None:
            await ring.put(_INDEX, fresh)

    async def close(self) -> None:
        await self._renewals.close(within_s=1.0)
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def _latest(self) -> int:
        return int((await self._key())["latest_version"])

    async def _key(self) -> dict[str, Any]:
        return await self._sent("GET", f"{self._place.mount}/keys/{self._place.key}")

    async def _derived(self) -> bytes:
        """The same for all who start at once: a hash by the first version of the key."""
        body = {"input": base64.b64encode(b"voiceagent blind index").decode(), "key_version": 1}
        told = self._text(await self._called("hmac", body, "/sha2-256"), "hmac")
        return base64.b64decode(told.rpartition(":")[2])

    async def _called(self, act: str, body: dict[str, Any], more: str = "") -> dict[str, Any]:
        return await self._sent("POST", f"{self._place.mount}/{act}/{self._place.key}{more}", body)

    async def _sent(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The `data` of Vault's answer; every call here may be made twice. Waits out a Vault that is sealed or changes its leader for a moment."""
        for number in range(TRIES):
            if number:
                await asyncio.sleep(0.2 * 2**number)
            try:
                return await self._once(method, path, body)
            except Unavailable:
                if number == TRIES - 1:
                    raise
        raise _unavailable()

    async def _once(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        if self._http is None:
            raise _unavailable()
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        headers |= {"X-Vault-Namespace": self._place.namespace} if self._place.namespace else {}
        url = f"{self._place.address}/v1/{path}"
        try:
            async with self._http.request(method, url, json=body, headers=headers, allow_redirects=False) as answer:
                if answer.status == 204:
                    return {}
                told = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as failure:
            raise _unavailable() from failure
        if answer.status >= 400:
            raise _refusal(answer.status)
        return told if told.get("auth") else dict(told.get("data") or {})

    def _token(self) -> str:
        if not self._place.token_file:
            token = os.environ.get("VAULT_TOKEN", "")
        else:
            try:
                token = Path(self._place.token_file).read_text(encoding="ascii").strip()
            except (OSError, UnicodeDecodeError) as failure:
                message = "the file with Vault's token cannot be read"
                raise Misconfigured("root_key_unreadable", message, param="keys.url") from failure
        if not token:
            raise Misconfigured("root_key_unreadable", "VAULT_TOKEN is not set", param="keys.url")
        return token

    async def _renewed(self) -> None:
        """Renew the token at half of its life, until it cannot be. One that an agent writes anew needs no renewal, and takes none amiss."""
        while True:
            wait_s = RENEW_AGAIN_S
            with suppress(Unavailable):
                try:
                    token = await self._sent("GET", "auth/token/lookup-self")
                    ttl_s = float(token.get("ttl") or 0)
                    if not token.get("renewable") or not ttl_s:
                        return
                    wait_s = min(ttl_s / 2, LONGEST_RENEWAL_S)
                    await asyncio.sleep(wait_s)
                    await self._sent("POST", "auth/token/renew-self", {})
                    continue
                except Problem as problem:
                    if isinstance(problem, Unavailable):
                        raise
                    _log.warning("vault_token_not_renewed", code=problem.code)
            await asyncio.sleep(wait_s)

    def _text(self, told: dict[str, Any], name: str) -> str:
        text = told.get(name)
        if not isinstance(text, str):
            raise _unavailable()
        return text


def _ciphertext(wrapped: bytes) -> str:
    try:
        text = wrapped.decode("ascii")
    except UnicodeDecodeError as failure:
        raise broken() from failure
    _version(text)
    return text


def _version(ciphertext: str) -> int:
    found = re.match(r"vault:v([0-9]{1,9}):", ciphertext)
    if found is None:
        raise broken()
    return int(found[1])


def _unavailable() -> Unavailable:
    return Unavailable("root_key_unavailable", "Vault, which holds the root key, does not answer", retry_after_s=1.0)


def _refusal(status: int) -> Problem:
    if status in (401, 403, 404, 405):
        return Misconfigured("vault_refused", "Vault refuses the token, or knows no such key", param="keys.url")
    if status == 400:
        return broken()
    return _unavailable()
