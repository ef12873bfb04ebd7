"""Ids: a prefix that says what it names, then 26 characters that sort by time of birth (ULID layout, RFC 4648 alphabet of Crockford)."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """A fresh id such as `conv_01jd...`: 48 bits of milliseconds since 1970 and 80 random bits."""
    value = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return f"{prefix}_{_encoded(value)}"


def _encoded(value: int) -> str:
    digits = []
    for _ in range(26):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
