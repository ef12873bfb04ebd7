"""Envelope encryption: data under a key of its own, that key wrapped by another. AES-256-GCM of the `cryptography` package, no own primitives.

What a ciphertext belongs to is bound into it as a context: moved to another place it does not open.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from voiceagent.kit.errors import Problem

KEY_BYTES = 32
NONCE_BYTES = 12
_SALT_BYTES = 24


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """A key that wraps others and never encrypts data itself."""

    key_id: str
    secret: bytes = field(repr=False)

    def wrap(self, data_key: bytes, context: bytes) -> bytes:
        """`data_key` encrypted for `context`. 84 bytes for a key of 32.

        Each wrap is done under a key derived from 24 random bytes, used this once: the bound of 2^32 uses of a GCM key is never near.
        """
        salt = os.urandom(_SALT_BYTES)
        return salt + encrypted(self._once(salt), data_key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The data key. Raises Problem `sealed_data_broken` when it was wrapped for something else, by another key, or changed."""
        return decrypted(self._once(wrapped[:_SALT_BYTES]), wrapped[_SALT_BYTES:], context)

    def _once(self, salt: bytes) -> bytes:
        """HKDF-Expand of RFC 5869 for one block, as the secret is uniformly random already."""
        return hmac.digest(self.secret, b"voiceagent wrap\0" + salt + b"\x01", "sha256")


def fresh_key() -> bytes:
    """A data key: 32 bytes of the system's generator."""
    return os.urandom(KEY_BYTES)


def encrypted(key: bytes, data: bytes, context: bytes) -> bytes:
    """A random nonce of 12 bytes, then ciphertext and tag. For keys that encrypt few things."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, context)


def decrypted(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """What `encrypted` was given. Raises Problem `sealed_data_broken`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as failure:
        raise broken() from failure


def context_of(*parts: str) -> bytes:
    """`parts` as bytes from which they can be told apart: each with its length before it."""
    return b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)


def broken() -> Problem:
    """What is told, and no more, of data that does not open."""
    return Problem("sealed_data_broken", "stored data does not open: it was changed, moved, or sealed by another key")
