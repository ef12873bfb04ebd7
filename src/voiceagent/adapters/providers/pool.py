"""The providers of one kind, each with what is known of how it does: who may be asked for whom, in which order. Asks nobody itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog

from voiceagent.domain.conversation import Message
from voiceagent.domain.provider import Asker, Kind, Provider, serves
from voiceagent.domain.routing.choice import Policy, Standing, patience_s, rank
from voiceagent.kit.calls.breaker import Terms
from voiceagent.kit.calls.health import Health
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import DeadlineExceeded, Misconfigured, Problem, RateLimited, Unavailable, Unsupported
from voiceagent.kit.tasks import TaskScope
from voiceagent.kit.telemetry import counter, histogram

_log = structlog.get_logger(__name__)
_calls = counter(
    "voiceagent_provider_calls_total",
    "Calls of providers of speech and embeddings by how they began.",
    ("kind", "provider", "outcome"),
)
_first = histogram(
    "voiceagent_provider_first_result_seconds",
    "Time to the first result of a provider of speech or embeddings.",
    ("kind", "provider"),
)

TERMS = Terms(least_failures=1, share=0.0)
"""Turns of a call lie seconds apart: after one failure nobody waits for a provider until it has shown that it is well."""
QUIET_S, LONGEST_RETIRE_S = 15.0, 60.0
"""A provider that was removed is closed when no turn has used it for so long, at the latest after the second."""
_LOOK_EVERY_S = 0.5
_UNBOUNDED = 1 << 30
_NEXT = (Unavailable, RateLimited, Misconfigured)
"""After these the provider rests; after Unsupported another is asked, too. Any other problem lies in the request."""

ANYBODY = Asker()
Spent = Callable[[str, Provider, int], None]
"""Notes what a tenant spent at a provider, in billionths of a US dollar."""


class Closable(Protocol):
    """What every adapter has."""

    async def close(self) -> None:
        """Give back what it holds. Idempotent."""
        ...


P = TypeVar("P", bound=Closable)


class Seat(Health, Generic[P]):
    """One provider and its adapter."""

    loaded = True

    def __init__(self, provider: Provider, part: P, clock: Clock) -> None:
        super().__init__(clock, TERMS)
        self.provider = provider
        self.part = part

    @property
    def capabilities(self) -> Any:
        """As the adapter tells them."""
        return self.part.capabilities  # type: ignore[attr-defined]

    def standing(self) -> Standing:
        return Standing(self.provider, self.provider.concurrency or _UNBOUNDED, self.first_s, self.running)

    async def ready(self) -> bool:
        """Nobody can tell without a call: probes find out."""
        return True

    async def unload(self) -> bool:
        """Models of speech and embeddings stay loaded."""
        return False

    async def load(self) -> P:
        """The adapter."""
        return self.part

    async def warm(self, messages: tuple[Message, ...]) -> None:
        """Nothing is read ahead."""

    async def retire(self) -> None:
        """Close the adapter once no turn uses it any more, at most after a minute."""
        try:
            for _ in range(int(LONGEST_RETIRE_S / _LOOK_EVERY_S)):
                if self.idle_s >= QUIET_S:
                    break
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            await self.close()

    async def close(self) -> None:
        await self.part.close()


@dataclass(frozen=True, slots=True)
class Order(Generic[P]):
    """Who is asked for a call: `well` one after the other, then `resort`; `resting` are tried beside it, and nobody waits for them."""

    well: Sequence[Seat[P]]
    resort: Sequence[Seat[P]]
    resting: Sequence[Seat[P]]

    def __iter__(self) -> Iterator[tuple[Seat[P], bool]]:
        """Each with whether the next one could still answer, so that it is not waited for longer than its patience."""
        last = len(self.well) + len(self.resort) - 1
        for position, seat in enumerate((*self.well, *self.resort)):
            yield seat, position not in (len(self.well) - 1, last)


class Pool(Generic[P]):
    """policy: what decides between those that are well.  check: raises Misconfigured when an adapter cannot stand beside the others.

    `put` and `remove` change it at any time. Belongs to one event loop.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        policy: Policy = "priority",
        clock: Clock | None = None,
        check: Callable[[Sequence[P], P], None] | None = None,
        spent: Spent | None = None,
    ) -> None:
        self.kind: Kind = kind
        self.slots: dict[str, Seat[P]] = {}
        self.clock = clock or SystemClock()
        self.spent = spent
        self._trials = TaskScope(f"{kind}.trials")
        self._policy: Policy = policy
        self._check = check

    def put(self, provider: Provider, part: P, reopen: object = None) -> Seat[P] | None:
        """Add a provider, or replace the one of that name, which is returned: retire it. Raises what `check` raises."""
        self.check(provider, part)
        before = self.slots.get(provider.name)
        self.slots[provider.name] = Seat(provider, part, self.clock)
        return before

    def check(self, provider: Provider, part: P) -> None:
        """Raises Misconfigured when the adapter cannot stand beside those of the other providers."""
        others = [seat.part for name, seat in self.slots.items() if name != provider.name]
        if self._check is not None and others:
            self._check(others, part)

    def remove(self, name: str) -> Seat[P] | None:
        """Ask this provider no more; retire what is returned."""
        return self.slots.pop(name, None)

    def serving(self, asker: Asker) -> list[Seat[P]]:
        """Those that may be asked for `asker`, best first."""
        seats = list(self.slots.values())
        if len(seats) > 1:
            seats.sort(key=lambda seat: rank(seat.standing(), self._policy))
        return [seat for seat in seats if seat.provider.enabled and serves(seat.provider, asker)]

    def order(self, seats: Sequence[Seat[P]]) -> Order[P]:
        """How to ask these. Raises RateLimited, as they told us, while every one of them has asked us to wait."""
        well = [seat for seat in seats if seat.state == "closed"]
        resort = [seat for seat in seats if seat.state != "closed" and not seat.pause_s]
        if seats and not well and not resort:
            first = min(seats, key=lambda seat: seat.pause_s)
            raise RateLimited(first.last_code, "the provider asks to wait", retry_after_s=first.pause_s)
        resting = [seat for seat in seats if seat.state == "half_open" and seat.allows()] if well else []
        return Order(well, resort, resting)

    def wait_s(self, seat: Seat[P], left_s: float, share_s: float = 0.0) -> float:
        """Longest wait for a first result of `seat` while another could answer. share_s: what the length of the request adds.

        One on this machine gets all that is left: it is slow rather than dead, and its work would be lost.
        """
        return left_s if seat.provider.local else min(left_s, patience_s(seat.standing()) + share_s)

    @contextmanager
    def attempt(self, seat: Seat[P]) -> Iterator[None]:
        """A call of `seat`, up to its first result. A TimeoutError in the block becomes DeadlineExceeded."""
        begun_s = self.clock.monotonic_s()
        seat.begun()
        try:
            yield
        except TimeoutError as error:
            problem = DeadlineExceeded("provider_deadline", "the provider did not answer in time")
            self._failed(seat, problem)
            raise problem from error
        except _NEXT as problem:
            self._failed(seat, problem)
            raise
        except BaseException:  # a fault of the request or a cancelled call: it says nothing about the provider
            seat.abandoned()
            raise
        finally:
            seat.used()
        after_s = self.clock.monotonic_s() - begun_s
        seat.answered(after_s)
        _calls.labels(self.kind, seat.provider.name, "answered").inc()
        _first.labels(self.kind, seat.provider.name).observe(after_s)

    def _failed(self, seat: Seat[P], problem: Problem) -> None:
        seat.failed(problem)
        _calls.labels(self.kind, seat.provider.name, problem.code).inc()
        _log.warning("provider_failed", kind=self.kind, provider=seat.provider.name, code=problem.code)

    def beside(self, trial: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run a trial that nobody waits for; not once the pool is closed."""
        with suppress(RuntimeError):
            self._trials.start(trial, name=name)

    async def close(self) -> None:
        """Close every provider. Idempotent."""
        await self._trials.close()
        for seat in self.slots.values():
            await seat.close()


def passed_on(problem: Problem) -> bool:
    """Whether another provider may be asked after this."""
    return isinstance(problem, (*_NEXT, Unsupported))
