"""The order in which providers of any kind are tried, and how long one is waited for while another could answer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voiceagent.domain.provider import Provider

Policy = Literal["priority", "cost", "latency"]

LEAST_PATIENCE_S = 0.25
PATIENCE_RATIO = 4.0
"""How many times its usual first result a provider is waited for while another could answer. Chosen, not measured: enough for one that
is twice as slow as usual to be heard out, little enough for a frozen one to cost less than its deadline."""
_PROMPT_SHARE, _ANSWER_SHARE = 0.8, 0.2
"""Tokens of a turn: four of the prompt for one of the answer, to compare prices before anything was counted."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a provider now. places: calls at a time.  first_s: moving average of the time to a first result, None before the
    first.  running: calls under way."""

    provider: Provider
    places: int
    first_s: float | None = None
    running: int = 0

    @property
    def full(self) -> bool:
        return self.running >= self.places


def ranked(standings: Sequence[Standing], policy: Policy) -> list[Standing]:
    """Best first: who has a place free, then by the policy, then by priority, then in the order given."""
    return sorted(standings, key=lambda one: rank(one, policy))


def rank(one: Standing, policy: Policy) -> tuple[bool, float, int]:
    """The smaller, the earlier it is tried."""
    return one.full, _measure(one, policy), one.provider.priority


def patience_s(standing: Standing, *, trial: bool = False) -> float:
    """Longest wait for a first result of a provider elsewhere while another could still answer; infinite when its settings name none.

    trial: it failed, and one call finds out whether it is well again. That one hears it out, so that a provider that has become slower
    than it was comes back.
    """
    patience = standing.provider.patience_s or float("inf")
    if standing.first_s is None or trial:
        return patience
    return min(patience, max(LEAST_PATIENCE_S, PATIENCE_RATIO * standing.first_s))


def _measure(standing: Standing, policy: Policy) -> float:
    if policy == "cost":
        provider = standing.provider
        return provider.price_in * _PROMPT_SHARE + provider.price_out * _ANSWER_SHARE
    if policy == "latency":
        return standing.first_s or 0.0  # who was never asked is asked once
    return float(standing.provider.priority)
