"""Trying again: exponential delays with jitter, inside one deadline, and only for what may succeed later."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import Problem

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


async def retried(
    call: Callable[[], Awaitable[T]],
    *,
    within_s: float,
    first_delay_s: float = 0.1,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> T:
    """The result of `call`, tried until it works or `within_s` seconds are over; then the last error is raised.

    Only problems marked `retryable` are tried again. Each delay is up to twice the one before, at most 5 s, at random between
    half and whole, and never below the problem's own `retry_after_s`.
    """
    ticking = clock or SystemClock()
    ends_at_s = ticking.monotonic_s() + within_s
    delay_s = first_delay_s
    while True:
        try:
            return await call()
        except Problem as problem:
            wait_s = max(delay_s * random.uniform(0.5, 1.0), problem.retry_after_s or 0.0)  # noqa: S311 - spreads load, no secret
            if not problem.retryable or ticking.monotonic_s() + wait_s > ends_at_s:
                raise
        await sleep(wait_s)
        delay_s = min(delay_s * 2, 5.0)
