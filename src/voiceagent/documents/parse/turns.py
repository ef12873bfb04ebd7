"""Who of the reading children may use the processors now: those that have had least, as many as there are processors. Pure: stops nobody itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_SLICE_S = 0.03
"""Processor seconds that count as the same share: the child that came first goes on until it has had them."""

_GUEST_S = 0.25
"""How long one of those that stand still may run beside the others: however many new files come, each old one goes on."""


@dataclass(slots=True)
class Reading:
    """A child at work. used_s: processor seconds so far.  ran_s: when, by the clock, it last was among those that run."""

    number: int
    used_s: float = 0.0
    ran_s: float = 0.0


class Turns:
    """Least attained service first: what is short is soon over, whatever endless files stand beside it. Nobody knows beforehand which is which."""

    def __init__(self, processors: int) -> None:
        self._processors = max(processors, 1)
        self._guest = -1
        self._guest_until_s = 0.0

    @property
    def seats(self) -> int:
        """So many can run without choosing."""
        return self._processors + 1

    def chosen(self, readings: Iterable[Reading], now_s: float) -> set[int]:
        """Numbers of the readings that run from now on; their `ran_s` is set."""
        order = sorted(readings, key=lambda one: (int(one.used_s / _SLICE_S), one.number))
        running, standing = order[: self._processors], order[self._processors :]
        guest = next((one for one in standing if one.number == self._guest and now_s < self._guest_until_s), None)
        if guest is None and standing:
            guest = min(standing, key=lambda one: (one.ran_s, one.number))
            self._guest, self._guest_until_s = guest.number, now_s + _GUEST_S
        if guest is not None:
            running.append(guest)
        for one in running:
            one.ran_s = now_s
        return {one.number for one in running}
