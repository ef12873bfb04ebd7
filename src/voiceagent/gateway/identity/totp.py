"""Time-based one-time passwords (RFC 6238: SHA-1, 6 digits, 30 s, which every authenticator app speaks) and recovery codes."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
from urllib.parse import quote

from voiceagent.kit.crypto import same_secret, sha256_hex

STEP_S = 30
DIGITS = 6
SKEW_STEPS = 1
"""Clocks may differ by one step either way (RFC 6238, 5.2)."""

RECOVERY_CODES = 10
_SECRET_BYTES = 20  # the length of the hash (RFC 4226, 4, R6)
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def new_secret() -> str:
    """160 random bits in base 32."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def code_at(secret: str, step: int) -> str:
    """The code of a time step (RFC 4226, 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    start = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(secret: str, code: str, now_s: float) -> int | None:
    """The time step whose code this is, None when it is of none near now. That no step is used twice is the caller's to see to."""
    current = int(now_s) // STEP_S
    steps = range(current - SKEW_STEPS, current + SKEW_STEPS + 1)
    fitting = [step for step in steps if step >= 0 and same_secret(code_at(secret, step), code)]
    return fitting[-1] if fitting else None


def enrolment_uri(secret: str, account: str, issuer: str = "voiceagent") -> str:
    """What the QR code for an authenticator app says."""
    label = quote(f"{issuer}:{account}", safe=":@")
    return f"otpauth://totp/{label}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_S}"


def new_recovery_codes() -> tuple[str, ...]:
    """Codes of 49 bits, written in two groups so that people can copy them."""
    return tuple(f"{_group()}-{_group()}" for _ in range(RECOVERY_CODES))


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


def recovery_sha256(code: str) -> str:
    """As it is kept: without case and outer blanks."""
    return sha256_hex(code.strip().lower().encode())
