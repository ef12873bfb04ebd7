"""Authenticator apps of people: enrolled in two steps, asked for at sign-in, each code good once."""

from __future__ import annotations

from dataclasses import replace

from voiceagent.domain.identity import SecondFactor, User
from voiceagent.gateway.identity.totp import new_recovery_codes, new_secret, recovery_sha256, step_of
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import Conflict, InvalidInput
from voiceagent.ports.store import UnitOfWork


class AuthenticatorApps:
    """Second factors in the transaction of the caller."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    async def check(self, work: UnitOfWork, user: User, code: str) -> bool:
        """Whether the second factor holds; true for people without one. Uses the code up."""
        factor = await work.access.second_factors.get(user.user_id)
        if factor is None or factor.confirmed_at is None:
            return True
        return await self._fits(work, factor, code)

    async def in_force(self, work: UnitOfWork, user_id: str) -> bool:
        """Whether this person is asked for a code at sign-in: enrolled and confirmed."""
        factor = await work.access.second_factors.get(user_id)
        return factor is not None and factor.confirmed_at is not None

    async def _fits(self, work: UnitOfWork, factor: SecondFactor, code: str) -> bool:
        step = step_of(factor.secret, code.strip(), self._clock.now().timestamp())
        if step is not None:
            return await work.access.second_factors.step(factor.user_id, step)
        digest = recovery_sha256(code)
        if digest not in factor.recovery_sha256s:
            return False
        left = tuple(one for one in factor.recovery_sha256s if one != digest)
        await work.access.second_factors.put(replace(factor, recovery_sha256s=left))
        return True

    async def begin(self, work: UnitOfWork, user_id: str) -> str:
        """A fresh secret, not in force before it is confirmed. Raises Conflict `second_factor_exists`."""
        factor = await work.access.second_factors.get(user_id)
        if factor is not None and factor.confirmed_at is not None:
            raise Conflict("second_factor_exists", "There is an authenticator app already; remove it first.")
        secret = new_secret()
        await work.access.second_factors.put(SecondFactor(user_id, secret))
        return secret

    async def confirm(self, work: UnitOfWork, user_id: str, code: str) -> tuple[str, ...]:
        """Put the app in force by its first code; the recovery codes, which are shown this once.

        Raises Conflict `second_factor_exists`, InvalidInput `second_factor_wrong`.
        """
        factor = await work.access.second_factors.get(user_id)
        if factor is not None and factor.confirmed_at is not None:
            raise Conflict("second_factor_exists", "There is an authenticator app already; remove it first.")
        now = self._clock.now()
        step = None if factor is None else step_of(factor.secret, code.strip(), now.timestamp())
        if factor is None or step is None:
            raise InvalidInput("second_factor_wrong", "This is not the code that the app shows now.", param="code")
        codes = new_recovery_codes()
        digests = tuple(recovery_sha256(one) for one in codes)
        await work.access.second_factors.put(
            replace(factor, confirmed_at=now, last_step=step, recovery_sha256s=digests)
        )
        return codes
