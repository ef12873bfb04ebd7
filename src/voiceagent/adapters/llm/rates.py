"""What a provider says of its limits, and until when no call may go out. Pure: headers and times in, seconds out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_LONGEST_S = 86_400.0
_UNKNOWN_RESET_S = 1.0


@dataclass(frozen=True, slots=True)
class Rates:
    """The memory of one provider's limits. closed_until_s: no call before.  tokens_left: of this window, which ends at tokens_reset_s;
    None when the provider does not say. Times are of one monotonic clock."""

    closed_until_s: float = 0.0
    tokens_left: int | None = None
    tokens_reset_s: float = 0.0

    def wait_s(self, now_s: float, tokens: int) -> float:
        """Seconds until a call of about `tokens` may go out; 0 for now."""
        wait_s = max(0.0, self.closed_until_s - now_s)
        if self.tokens_left is not None and tokens > self.tokens_left:
            wait_s = max(wait_s, self.tokens_reset_s - now_s)
        return wait_s


def told(rates: Rates, headers: Mapping[str, str], now_s: float) -> Rates:
    """What an answer's x-ratelimit headers add."""
    closed_until_s = rates.closed_until_s
    if _count(headers.get("x-ratelimit-remaining-requests")) == 0:
        closed_until_s = max(closed_until_s, now_s + reset_s(headers.get("x-ratelimit-reset-requests")))
    left = _count(headers.get("x-ratelimit-remaining-tokens"))
    if left is None:
        return Rates(closed_until_s, rates.tokens_left, rates.tokens_reset_s)
    return Rates(closed_until_s, left, now_s + reset_s(headers.get("x-ratelimit-reset-tokens")))


def paused(rates: Rates, pause_s: float, now_s: float) -> Rates:
    """The provider named a pause (Retry-After)."""
    until_s = max(rates.closed_until_s, now_s + pause_s)
    return Rates(until_s, rates.tokens_left, rates.tokens_reset_s)


def reset_s(value: str | None) -> float:
    """Seconds in `6m0s`, `20ms` or `1.5`; a second when the provider does not say."""
    if not value:
        return _UNKNOWN_RESET_S
    try:
        seconds = float(value)
    except ValueError:
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(value))
    return min(seconds, _LONGEST_S) if seconds > 0 else _UNKNOWN_RESET_S


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() else None
