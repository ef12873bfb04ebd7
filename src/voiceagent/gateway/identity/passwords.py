"""Passwords: Argon2id in a small pool of threads, so that no number of sign-ins can block the loop or take the memory."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import InvalidInput
from voiceagent.kit.offload import Offload

MIN_CHARS = 12
MAX_CHARS = 256


class Passwords:
    """Hashes and checks. Each takes about 0.1 s of one core and 64 MiB, one at a time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._pool = Offload("passwords", threads=1, queue=16)
        self._decoy: str | None = None

    async def hashed(self, password: str) -> str:
        """The PHC string of `password`. Raises InvalidInput `weak_password`, Unavailable `overloaded`."""
        if not MIN_CHARS <= len(password) <= MAX_CHARS or len(set(password)) < 5:
            raise InvalidInput(
                "weak_password", f"A password has {MIN_CHARS} to {MAX_CHARS} characters.", param="password"
            )
        return await self._pool.run(self._hasher.hash, password)

    async def match(self, password_hash: str | None, password: str) -> bool:
        """Whether they fit. None stands for an unknown user and takes as long. Raises Unavailable `overloaded`."""
        if self._decoy is None:
            self._decoy = await self._pool.run(self._hasher.hash, random_token())
        fits = await self._pool.run(self._verify, password_hash or self._decoy, password[: MAX_CHARS + 1])
        return fits and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False

    def close(self) -> None:
        """End the threads."""
        self._pool.close()
