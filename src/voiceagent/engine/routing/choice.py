"""The order in which providers are tried, and how long one is waited for while another could answer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voiceagent.domain.provider import Provider
from voiceagent.ports.llm import ChatRequest, LlmCapabilities

Policy = Literal["priority", "cost", "latency"]

SMOOTHING = 0.2
"""Weight of the newest first token in the moving average."""
LEAST_PATIENCE_S = 0.25
PATIENCE_RATIO = 4.0
"""How many times its usual first token a provider is waited for while another could answer. Chosen, not measured: enough for one that
is twice as slow as usual to be heard out, little enough for a frozen one to cost less than its deadline."""
_PROMPT_SHARE, _ANSWER_SHARE = 0.8, 0.2
"""Tokens of a turn: four of the prompt for one of the answer, to compare prices before anything was counted."""
_CHARS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a provider now. first_token_s: moving average, None before the first answer.  running: answers being given."""

    provider: Provider
    capabilities: LlmCapabilities
    first_token_s: float | None = None
    running: int = 0

    @property
    def full(self) -> bool:
        return self.running >= (self.provider.concurrency or self.capabilities.concurrency)


def ranked(standings: Sequence[Standing], policy: Policy) -> list[Standing]:
    """Best first: who has a place free, then by the policy, then by priority, then in the order given."""
    return sorted(standings, key=lambda one: (one.full, _measure(one, policy), one.provider.priority))


def able(standing: Standing, request: ChatRequest) -> bool:
    """Whether the model can do what the request needs: tools where there are any, and a context that holds the prompt."""
    if request.tools and not standing.capabilities.tools:
        return False
    tokens = sum(len(message.text) for message in request.messages) / _CHARS_A_TOKEN
    return tokens + min(request.max_output_tokens, 64) <= standing.capabilities.context_tokens


def patience_s(standing: Standing, deadline_s: float, *, trial: bool = False) -> float:
    """Longest wait for a first token while another provider could still answer.

    trial: it failed, and one call finds out whether it is well again. That one hears it out, so that a provider that has become slower
    than it was comes back.

    A model on this machine gets half the time: it is slow rather than dead, and its work would be lost. One elsewhere gets a few times
    what it usually takes, so that a frozen one costs little.
    """
    if standing.provider.local:
        return deadline_s / 2
    patience = standing.provider.patience_s or deadline_s / 2
    if standing.first_token_s is not None and not trial:
        patience = min(patience, max(LEAST_PATIENCE_S, PATIENCE_RATIO * standing.first_token_s))
    return min(patience, deadline_s / 2)


def smoothed(before_s: float | None, now_s: float) -> float:
    """The moving average with one more first token."""
    return now_s if before_s is None else before_s + SMOOTHING * (now_s - before_s)


def _measure(standing: Standing, policy: Policy) -> float:
    if policy == "cost":
        provider = standing.provider
        return provider.price_in * _PROMPT_SHARE + provider.price_out * _ANSWER_SHARE
    if policy == "latency":
        return standing.first_token_s or 0.0  # who was never asked is asked once
    return float(standing.provider.priority)
