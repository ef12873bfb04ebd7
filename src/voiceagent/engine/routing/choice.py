"""What a language model must be able to do for a request, and how much of the deadline it gets while another could answer. Pure."""

from __future__ import annotations

from voiceagent.domain.routing import choice
from voiceagent.domain.routing.choice import Standing
from voiceagent.ports.llm import ChatRequest, LlmCapabilities

_CHARS_A_TOKEN = 4


def able(capabilities: LlmCapabilities, request: ChatRequest) -> bool:
    """Whether the model can do what the request needs: tools where there are any, and a context that holds the prompt."""
    if request.tools and not capabilities.tools:
        return False
    tokens = sum(len(message.text) for message in request.messages) / _CHARS_A_TOKEN
    return tokens + min(request.max_output_tokens, 64) <= capabilities.context_tokens


def patience_s(standing: Standing, deadline_s: float, *, trial: bool = False) -> float:
    """Longest wait for a first token while another provider could still answer.

    A model on this machine gets half the time: it is slow rather than dead, and its work would be lost. One elsewhere gets a few times
    what it usually takes, so that a frozen one costs little.
    """
    if standing.provider.local:
        return deadline_s / 2
    return min(choice.patience_s(standing, trial=trial), deadline_s / 2)
