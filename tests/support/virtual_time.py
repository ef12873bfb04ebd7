"""Runs a coroutine in virtual time: waits cost nothing, order and durations are exact. Only for code without threads and sockets."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)


class Stuck(AssertionError):
    """Every task waits for something that nothing will ever do."""


class _Selector(selectors.DefaultSelector):
    """Instead of sleeping, moves the loop's clock on."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            raise Stuck("nothing is scheduled and nothing can happen any more")
        self.loop.now_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer."""

    def __init__(self) -> None:
        self.now_s = 0.0
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self.now_s


class LoopClock:
    """A voiceagent Clock that shows the running loop's time."""

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic_s())


def run(main: Coroutine[Any, Any, T], *, limit_s: float = 600.0) -> T:
    """The result of `main`, run in virtual time; fails when it is not done after `limit_s` virtual seconds."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(asyncio.wait_for(main, limit_s))
    finally:
        loop.close()
