"""Where a service runs: its addresses, how busy each is, and which of them are out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
import structlog

from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import Unavailable

_FIRST_EJECTION_S = 1.0
_LONGEST_EJECTION_S = 30.0
_PROBE_EVERY_S = 0.5
_PROBE_WITHIN_S = 0.5

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Upstream:
    """One address of a service. outstanding: calls under way. ejected_until_s: not before then, unless no other is left."""

    url: str
    outstanding: int = 0
    failures: int = 0
    ejected_until_s: float = 0.0
    missed_probes: int = 0

    @property
    def answers(self) -> bool:
        """False after two probes in a row without an answer: one may be lost to a busy moment."""
        return self.missed_probes < 2


class Upstreams:
    """All addresses of one service: the one with the fewest calls under way is next, those that fail rest for a while."""

    def __init__(self, service: str, urls: Sequence[str], *, clock: Clock | None = None) -> None:
        self.service = service
        self.all = [Upstream(url.rstrip("/")) for url in urls]
        self._clock = clock or SystemClock()

    @contextmanager
    def lease(self, *, but: Upstream | None = None) -> Iterator[Upstream]:
        """The best address for the next call. Raises Unavailable `service_unavailable` when none answers."""
        chosen = self._choose(but)
        chosen.outstanding += 1
        try:
            yield chosen
        finally:
            chosen.outstanding -= 1

    def _choose(self, but: Upstream | None) -> Upstream:
        now_s = self._clock.monotonic_s()
        candidates = [one for one in self.all if one is not but and one.answers]
        if not candidates:
            raise self.unavailable()
        return min(candidates, key=lambda one: (max(0.0, one.ejected_until_s - now_s), one.outstanding))

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

    async def probe(self, client: aiohttp.ClientSession) -> None:
        """Ask every address all the time whether its process lives, so that calls to a hung one are refused at once. Runs until cancelled."""
        while True:
            await asyncio.gather(*(self._probe_one(client, one) for one in self.all))
            await asyncio.sleep(_PROBE_EVERY_S)

    async def _probe_one(self, client: aiohttp.ClientSession, upstream: Upstream) -> None:
        answered = upstream.answers
        try:
            within = aiohttp.ClientTimeout(total=_PROBE_WITHIN_S)
            async with client.get(f"{upstream.url}/health/live", timeout=within) as answer:
                well = answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            well = False
        upstream.missed_probes = 0 if well else upstream.missed_probes + 1
        if upstream.answers != answered:
            _log.warning("upstream_changed", service=self.service, answers=upstream.answers)
