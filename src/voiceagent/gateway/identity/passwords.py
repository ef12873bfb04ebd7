"""Passwords: Argon2id in a small pool of threads, so that no number of sign-ins can block the loop or take the memory."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from voiceagent.gateway.identity.breached import is_breached
from voiceagent.gateway.identity.guessable import is_guessable
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import InvalidInput
from voiceagent.kit.offload import Offload

MIN_CHARS = 15
MAX_CHARS = 128


class Passwords:
    """Hashes and checks. Each takes about 0.1 s of one core and 64 MiB, one at a time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._pool = Offload("passwords", threads=1, queue=16)
        self._decoy: str | None = None

    async def hashed(self, password: str, *own_words: str) -> str:
        """The PHC string of `password`. Raises InvalidInput `weak_password`, `common_password`, `breached_password`, Unavailable `overloaded`.

        Any characters may stand in it; how long it is counts. own_words: what a guesser tries first for this person.
        """
        if not MIN_CHARS <= len(password) <= MAX_CHARS or len(set(password)) < 5:
            raise InvalidInput(
                "weak_password", f"A password has {MIN_CHARS} to {MAX_CHARS} characters.", param="password"
            )
        if is_guessable(password, *own_words):
            raise InvalidInput(
                "common_password", "This password is among the first that guessers try.", param="password"
            )
        if await self._pool.run(is_breached, password):
            raise InvalidInput(
                "breached_password", "This password is made of ones that stand in lists of leaks.", param="password"
            )
        return await self.rehashed(password)

    async def rehashed(self, password: str) -> str:
        """The PHC string, by today's parameters, of a password that was taken before. Raises Unavailable `overloaded`."""
        return await self._pool.run(self._hasher.hash, password)

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

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
