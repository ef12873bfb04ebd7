"""The key of the backups: what encrypts their pieces and signs what they say. And how to tell one key from another without showing it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from voiceagent.adapters.keys.roots import read_key
from voiceagent.apps.settings import Settings
from voiceagent.kit.crypto_envelope import WrappingKey
from voiceagent.kit.crypto_signing import Signer
from voiceagent.kit.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class BackupKeys:
    """wrapping: wraps the key of each backup.  signer: signs manifests.  check: tells this key from others, and nothing about it."""

    wrapping: WrappingKey
    signer: Signer
    check: str


def backup_keys(settings: Settings, *, make: bool) -> BackupKeys:
    """The keys at `backup.key_url`. make: a file that is not there is made. Raises Misconfigured `backup_key_missing` or `backup_key_bad`."""
    url = settings.filled(settings.backup.key_url)
    if not make and _missing_file(url):
        raise Misconfigured(
            "backup_key_missing",
            f"the key of the backups is not at {url}: put it there; where there is no backup yet, `voiceagent backup create` makes one",
            param="backup.key_url",
        )
    try:
        secret = read_key(url)
    except Misconfigured as failure:  # its words are those of the root key, which is kept in the same way
        raise Misconfigured(
            "backup_key_bad",
            "the key of the backups cannot be used: 32 bytes in base64, readable by this user alone",
            param="backup.key_url",
        ) from failure
    return BackupKeys(
        WrappingKey("backup", secret), Signer(_derived(secret, "sign")), _derived(secret, "check").hex()[:16]
    )


def _derived(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, b"voiceagent backup\0" + purpose.encode(), hashlib.sha256)


def _missing_file(url: str) -> bool:
    scheme, _, place = url.partition("://")
    return scheme == "file" and not Path(unquote(place)).exists()
