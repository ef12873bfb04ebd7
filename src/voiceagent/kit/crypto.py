"""Small cryptographic words used everywhere: digests, random secrets, comparison in constant time. No own primitives."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def random_token(random_bytes: int = 32) -> str:
    """A URL-safe secret with `random_bytes` bytes from the system's generator."""
    return secrets.token_urlsafe(random_bytes)


def same_secret(left: str | bytes, right: str | bytes) -> bool:
    """Equality in time that does not depend on where they differ."""
    return hmac.compare_digest(_as_bytes(left), _as_bytes(right))


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
