"""Signatures that anybody can check and only the holder of the key can make: Ed25519, by the `cryptography` package."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES = 32


class Signer:
    """Signs with the key that `seed`, 32 secret bytes, stands for."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_hex = self._key.public_key().public_bytes_raw().hex()

    def sign(self, data: bytes) -> bytes:
        """64 bytes that `is_signed` takes for this data and this key alone."""
        return self._key.sign(data)


def is_signed(public_hex: str, signature: bytes, data: bytes) -> bool:
    """Whether the holder of the key signed exactly this. False too when the key or the signature is none."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex)).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
