"""What a cache refuses to be asked, whatever keeps it."""

from __future__ import annotations

from voiceagent.kit.errors import InvalidInput


def check_ttl(ttl_s: float) -> None:
    """Raises InvalidInput `bad_ttl` unless above 0."""
    if not ttl_s > 0:
        raise InvalidInput("bad_ttl", "a time to live is above 0 seconds", param="ttl_s")


def check_limit(rate_per_s: float, burst: int, cost: int) -> None:
    """Raises InvalidInput `bad_limit` for a rate or cost that is not above 0, or a cost over `burst`, which would never be allowed."""
    if not rate_per_s > 0 or not 0 < cost <= burst:
        raise InvalidInput("bad_limit", "a rate is above 0 and a cost is from 1 to the burst")
