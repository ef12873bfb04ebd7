"""Where time comes from. Code that waits or measures takes a Clock, so that tests can run in virtual time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of durations and of dates."""

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back. Use it for every duration and deadline."""
        ...

    def now(self) -> datetime:
        """The date and time in UTC, aware. Use it only for what is stored or shown."""
        ...


class SystemClock:
    """The clock of the machine."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)
