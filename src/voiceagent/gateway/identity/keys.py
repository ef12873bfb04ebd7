"""API keys: how they are made and recognised. The secret exists once, at its creation; the store holds its SHA-256."""

from __future__ import annotations

import re
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime

from voiceagent.domain.identity import ApiKey
from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.ids import new_id

KEY_ID = "key"
"""What ids of keys begin with; other subjects are people."""

_MARK = "va_"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letters that look alike
_RANDOM_CHARS = 32  # 160 bits
_CHECK_CHARS = 7  # CRC-32 of what stands before it
_SHAPE = re.compile(f"{_MARK}[{_ALPHABET}]{{{_RANDOM_CHARS + _CHECK_CHARS}}}")
_SHOWN_CHARS = len(_MARK) + 6


def new_secret() -> str:
    """A fresh key: `va_`, 160 random bits, a checksum that tells typing errors and secret scanners what it is."""
    body = _MARK + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))
    return body + _checksum(body)


def is_well_formed(secret: str) -> bool:
    """Whether it could be one of our keys: shape and checksum. Says nothing about its being in force."""
    if not _SHAPE.fullmatch(secret):
        return False
    return _checksum(secret[:-_CHECK_CHARS]) == secret[-_CHECK_CHARS:]


def _checksum(body: str) -> str:
    value, digits = zlib.crc32(body.encode()), []
    for _ in range(_CHECK_CHARS):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """What a new key shall be. user_id: its owner, whose rights bound it; "" for a key of the organisation."""

    tenant_id: str
    user_id: str
    name: str
    scopes: frozenset[str]
    expires_at: datetime | None = None


def new_key(order: KeyOrder, now: datetime) -> tuple[ApiKey, str]:
    """The key to store and its secret, to be shown once."""
    secret = new_secret()
    key = ApiKey(
        key_id=new_id(KEY_ID),
        tenant_id=order.tenant_id,
        user_id=order.user_id,
        name=order.name,
        prefix=secret[:_SHOWN_CHARS],
        secret_sha256=sha256_hex(secret.encode()),
        scopes=order.scopes,
        created_at=now,
        expires_at=order.expires_at,
    )
    return key, secret
