"""What a cache refuses to be asked, whatever keeps it."""

from __future__ import annotations

from collections.abc import Iterable

from voiceagent.kit.errors import InvalidInput
from voiceagent.ports.cache import Taking


def check_ttl(ttl_s: float) -> None:
    """Raises InvalidInput `bad_ttl` unless above 0."""
    if not ttl_s > 0:
        raise InvalidInput("bad_ttl", "a time to live is above 0 seconds", param="ttl_s")


def check_limits(takings: Iterable[Taking]) -> None:
    """Raises InvalidInput `bad_limit` for a rate that is not above 0, for nothing to take, and for a cost over `burst`, which would never be allowed."""
    for one in takings:
        least = 0 if one.owed is not None else 1
        if not one.rate_per_s > 0 or not least <= one.cost <= one.burst:
            raise InvalidInput("bad_limit", "a rate is above 0 and a cost is from 1 to the burst")
        if one.owed is not None and not (one.owed.units > 0 and one.owed.since_s >= 0):
            raise InvalidInput("bad_limit", "what is owed is above 0")
