"""Language models that chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from voiceagent.domain.conversation import Message, ToolCall
from voiceagent.domain.reply import FinishReason, ToolSpec
from voiceagent.domain.usage import TokenUsage


@dataclass(frozen=True, slots=True)
class LlmCapabilities:
    """model: name sent to the server.  context_tokens: prompt and answer together.  tools: function calling works.
    local: nothing leaves the machine.  concurrency: answers that it gives at a time.
    small: follows examples better than instructions and runs on when it is let: help it to be short."""

    model: str
    context_tokens: int
    tools: bool = False
    local: bool = False
    concurrency: int = 1
    small: bool = False


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call of a model. deadline_s: seconds until the first token must be there. stop: strings that end the answer.

    extra: further OpenAI chat-completion parameters, passed on unchanged where the server knows them.
    """

    messages: tuple[Message, ...]
    max_output_tokens: int = 256
    temperature: float = 0.2
    stop: tuple[str, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    deadline_s: float = 10.0
    extra: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Some more text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A complete request for a tool."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ChatDone:
    """The end of a successful answer; always the last item."""

    finish_reason: FinishReason
    usage: TokenUsage


ChatDelta = TextDelta | ToolCallDelta | ChatDone


class LanguageModel(Protocol):
    """A chat model, local or behind an OpenAI-compatible URL."""

    @property
    def capabilities(self) -> LlmCapabilities: ...

    def stream(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        """The answer, piece by piece, ending with ChatDone; a stream that ends without it has failed and must not be stored as whole.

        Closing the iterator or cancelling its consumer stops the generation at the server within 200 ms.
        Raises DeadlineExceeded `llm_deadline` when the first token is late or a later one takes over 10 s,
        Unavailable `llm_unavailable` (retryable) when refused, cut off or garbled, RateLimited `llm_rate_limited` with the
        provider's Retry-After, InvalidInput `context_too_long` or `llm_rejected`, Misconfigured `llm_credentials`.
        """
        ...

    async def warm(self, messages: tuple[Message, ...]) -> None:
        """Put the prompt into the prefix cache so that the next `stream` that starts with it answers sooner. May do nothing. Never raises Unavailable."""
        ...

    async def count_tokens(self, text: str) -> int:
        """Tokens of `text`; exact when the model tells, otherwise an estimate that is never below the truth by more than a quarter."""
        ...

    async def ready(self) -> bool:
        """Whether the model would answer now. Bounded to 2 s; never raises."""
        ...

    async def close(self) -> None:
        """End processes and connections. Idempotent."""
        ...
