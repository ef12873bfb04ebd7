"""Whether a part that failed is asked again already: it rests for 1, 2, 4 ... 30 s. Pure but for the clock it is given."""

from __future__ import annotations

from voiceagent.kit.clock import Clock, SystemClock

_FIRST_S = 1.0
_LONGEST_S = 30.0


class Rest:
    """The memory of one part."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._failures = 0
        self._until_s = 0.0

    @property
    def over(self) -> bool:
        """It may be asked."""
        return self._clock.monotonic_s() >= self._until_s

    def failed(self) -> None:
        """It did not answer: let it rest, longer each time."""
        self._until_s = self._clock.monotonic_s() + min(_LONGEST_S, _FIRST_S * 2**self._failures)
        self._failures = min(self._failures + 1, 10)

    def worked(self) -> None:
        """It answered."""
        self._failures, self._until_s = 0, 0.0
