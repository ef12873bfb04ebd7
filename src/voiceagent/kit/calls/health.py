"""What is known of one server or model: whether calls go out to it, how many are under way, how long a first result takes. Calls nothing."""

from __future__ import annotations

from voiceagent.kit.calls import breaker
from voiceagent.kit.calls.breaker import TERMS, Breaker, Terms
from voiceagent.kit.calls.inflight import InFlight
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem, RateLimited

SMOOTHING = 0.2
"""Weight of the newest first result in the moving average."""
_DEFAULT_PAUSE_S = 1.0


class Health:
    """first_s: moving average of the time to a first result, None before the first.  asleep: it does not answer when asked whether it is
    ready.  last_code: of its last failure, "" after a good call.  under_way: calls that it is answering."""

    def __init__(self, clock: Clock, terms: Terms = TERMS) -> None:
        self.asleep = False
        self.first_s: float | None = None
        self.last_code = ""
        self.under_way = InFlight()
        self._clock = clock
        self._terms = terms
        self._breaker = Breaker()
        self._paused_until_s = 0.0
        self._used_s = clock.monotonic_s()

    @property
    def running(self) -> int:
        return len(self.under_way)

    @property
    def state(self) -> str:
        """closed: calls go out.  open: none does, it failed.  half_open: one at a time, to see whether it is well again."""
        if self._breaker.open_until_s is None:
            return "closed"
        return "open" if self.asleep or self._clock.monotonic_s() < self._breaker.open_until_s else "half_open"

    @property
    def pause_s(self) -> float:
        """Seconds until it may be called, by its own word (Retry-After)."""
        return max(0.0, self._paused_until_s - self._clock.monotonic_s())

    @property
    def idle_s(self) -> float:
        """Seconds since its last call ended."""
        return 0.0 if self.running else self._clock.monotonic_s() - self._used_s

    def allows(self) -> bool:
        """Whether a call may go out now."""
        return not self.asleep and breaker.allows(self._breaker, self._clock.monotonic_s())

    def begun(self) -> None:
        """A call goes out."""
        self._breaker = breaker.started(self._breaker)

    def used(self) -> None:
        """A call has come to its end, whatever that was."""
        self._used_s = self._clock.monotonic_s()

    def answered(self, after_s: float) -> None:
        """Its first result came."""
        self.first_s = smoothed(self.first_s, after_s)
        self.last_code = ""
        self._breaker = breaker.succeeded(self._breaker, self._clock.monotonic_s(), self._terms)

    def failed(self, problem: Problem) -> None:
        """It brought no first result. How long it was waited for says nothing of how long it takes."""
        now_s, pause_s = self._clock.monotonic_s(), None
        if isinstance(problem, RateLimited):
            pause_s = _DEFAULT_PAUSE_S if problem.retry_after_s is None else problem.retry_after_s
            self._paused_until_s = now_s + pause_s
        self.last_code = problem.code
        self._breaker = breaker.failed(self._breaker, now_s, pause_s=pause_s, terms=self._terms)

    def abandoned(self) -> None:
        """The call was cancelled before anything came."""
        self._breaker = breaker.abandoned(self._breaker)


def smoothed(before_s: float | None, now_s: float) -> float:
    """The moving average with one more first result."""
    return now_s if before_s is None else before_s + SMOOTHING * (now_s - before_s)
