"""Where a service runs: its addresses, how busy each is, and which of them are out of order. Asks nobody: upkeep.py does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.telemetry import counter

_FIRST_EJECTION_S = 1.0
_LONGEST_EJECTION_S = 30.0
_RETRY_SHARE = 0.1
_RETRY_RESERVE = 10.0
"""Second tries may be a tenth of the calls, and ten at once after a quiet time: an outage must not be doubled by those who suffer it."""
_LOYALTY = 2
"""A caller stays with its address until that is this many calls busier than the least busy one."""

_second_tries = counter(
    "voiceagent_upstream_second_tries_total", "Calls of a service that were tried again.", ["upstream"]
)


@dataclass(slots=True)
class Upstream:
    """One address of a service. outstanding: calls under way. ejected_until_s: not before then, unless no other is left.

    heard: it has answered since we know it.
    retiring: it is about to stop, and gets no new calls while another address answers.
    """

    url: str
    outstanding: int = 0
    failures: int = 0
    ejected_until_s: float = 0.0
    missed_probes: int = 0
    heard: bool = False
    retiring: bool = False

    @property
    def answers(self) -> bool:
        """False after two probes in a row without an answer: one may be lost to a busy moment."""
        return self.missed_probes < 2

    @property
    def stalled(self) -> bool:
        """True after three probes in a row without an answer: what it has begun is given up, where others show that it is not the machine."""
        return self.missed_probes >= 3

    @property
    def silent(self) -> bool:
        """True after four probes in a row without an answer: nobody is that busy. Not even a service with one address waits for it."""
        return self.missed_probes >= 4


class Upstreams:
    """All addresses of one service: the one with the fewest calls under way is next, those that fail rest for a while."""

    def __init__(self, service: str, urls: Sequence[str], *, clock: Clock | None = None) -> None:
        self.service = service
        self.all = [Upstream(url.rstrip("/")) for url in urls]
        self._clock = clock or SystemClock()
        self._retries = _RETRY_RESERVE

    def move_to(self, urls: Sequence[str]) -> None:
        """The service runs at `urls` now. Addresses that stay keep what is known of them; those that go end what they do."""
        known = {one.url: one for one in self.all}
        wanted = dict.fromkeys(url.rstrip("/") for url in urls)
        self.all = [known.get(url) or Upstream(url) for url in wanted]

    @contextmanager
    def lease(self, *, but: Upstream | None = None, loyal_to: str = "") -> Iterator[Upstream]:
        """The best address for the next call, where possible the same one for the same `loyal_to`.

        When none answers, one that may only be busy. Raises Unavailable `service_unavailable` when all are silent.
        """
        chosen = self._choose(but, loyal_to)
        chosen.outstanding += 1
        self._retries = min(_RETRY_RESERVE, self._retries + _RETRY_SHARE)
        try:
            yield chosen
        finally:
            chosen.outstanding -= 1

    def _choose(self, but: Upstream | None, loyal_to: str) -> Upstream:
        now_s = self._clock.monotonic_s()
        others = [one for one in self.all if one is not but]
        candidates = [one for one in others if one.answers] or [one for one in others if not one.silent]
        if not candidates:
            raise self.unavailable()
        best = min(candidates, key=lambda one: (one.retiring, max(0.0, one.ejected_until_s - now_s), one.outstanding))
        if not loyal_to:
            return best
        equals = [
            one
            for one in candidates
            if one.retiring == best.retiring
            and max(0.0, one.ejected_until_s - now_s) <= max(0.0, best.ejected_until_s - now_s)
            and one.outstanding <= best.outstanding + _LOYALTY
        ]
        return max(equals, key=lambda one: hashlib.sha256(f"{loyal_to}\0{one.url}".encode()).digest())

    def gives_up(self, upstream: Upstream, *, begun: bool = False) -> bool:
        """Whether a call to `upstream` is not worth waiting for: it is silent, or hangs while another address answers.

        begun: its answer has begun, and cannot be had from another address.
        """
        if upstream.silent:
            return True
        hangs = upstream.stalled if begun else not upstream.answers
        return hangs and any(one.answers for one in self.all)

    def may_retry(self) -> bool:
        """Whether one more call may be tried a second time; takes it from the budget."""
        if self._retries < 1.0:
            return False
        self._retries -= 1.0
        _second_tries.labels(self.service).inc()
        return True

    def unavailable(self) -> Unavailable:
        """What a caller is told when the service cannot be reached."""
        return Unavailable("service_unavailable", f"The {self.service} service does not answer.", retry_after_s=1.0)

    def failed(self, upstream: Upstream) -> None:
        """It did not take a connection: let it rest for 1, 2, 4 ... 30 s."""
        rest_s = min(_LONGEST_EJECTION_S, _FIRST_EJECTION_S * 2**upstream.failures)
        upstream.failures = min(upstream.failures + 1, 10)
        upstream.ejected_until_s = self._clock.monotonic_s() + rest_s

    def worked(self, upstream: Upstream) -> None:
        """It answered."""
        upstream.failures = 0
        upstream.ejected_until_s = 0.0
