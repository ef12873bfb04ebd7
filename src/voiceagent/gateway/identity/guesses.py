"""How often somebody may guess the password of an account: fewer and fewer tries, forgiven by one success; known devices count apart."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from voiceagent.domain.identity import User
from voiceagent.kit.crypto import random_token, sha256_hex
from voiceagent.kit.errors import Unauthenticated, Unavailable
from voiceagent.ports.cache import Cache
from voiceagent.web.jwt import TokenKeys, Tokens
from voiceagent.web.limits import Limiter, Rate

TIERS = (
    Rate("account", 10 / 900, 10),  # 10 at once, then one in 90 s
    Rate("account_day", 30 / 86_400, 30),  # after 30, one in 48 minutes
    Rate("account_streak", 1 / 86_400, 100),  # after 100 without a success, one a day
)
_ROUND_LIFE_S = 100 * 86_400.0


@dataclass(frozen=True, slots=True)
class Account:
    """Whose password is tried. device_id: a device that signed in to it before, "" for a stranger's: others cannot lock it out."""

    email_key: str
    device_id: str

    @property
    def name(self) -> str:
        return sha256_hex(f"{self.email_key}\0{self.device_id}".encode())


class Guesses:
    """Counts tries by account, unknown accounts too, over all replicas."""

    def __init__(self, limiter: Limiter, cache: Cache, tiers: tuple[Rate, ...] = TIERS) -> None:
        self._limiter = limiter
        self._cache = cache
        self._tiers = tiers

    async def take(self, conn: HTTPConnection, account: Account) -> None:
        """One try. Raises RateLimited `rate_limited`."""
        owner = f"{account.name}\0{await self._round(account)}"
        for tier in self._tiers:
            await self._limiter.take(conn, tier, owner)

    async def forgive(self, account: Account) -> None:
        """The right password was given: the count begins anew."""
        try:
            await self._cache.put(_round_key(account), random_token(9).encode(), ttl_s=_ROUND_LIFE_S)
        except Unavailable:
            return  # the tries stay counted, which errs on the strict side

    async def _round(self, account: Account) -> str:
        try:
            return (await self._cache.get(_round_key(account)) or b"").decode()
        except Unavailable:
            return ""


def _round_key(account: Account) -> str:
    return f"signin-round:{account.name}"


class Devices:
    """Marks of browsers that signed in before: signed, so that nothing is stored."""

    LIFE_S = 180 * 86_400

    def __init__(self, keys: TokenKeys) -> None:
        self._tokens = Tokens(keys, typ="va-device+jwt", issuer="voiceagent", max_life_s=self.LIFE_S)

    def mark(self, user: User) -> str:
        """The value of the cookie."""
        return self._tokens.sign("device", {"sub": user.user_id})

    def known(self, mark: str, user: User | None) -> str:
        """The device's id, "" when it never signed in to this account."""
        if not mark or user is None:
            return ""
        try:
            claims = self._tokens.read(mark, "device")
        except Unauthenticated:
            return ""
        return str(claims["jti"]) if claims["sub"] == user.user_id else ""
