"""What a reply is made from and what comes out of it: the words that pass between the voice module and the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Citation, Message, ToolCall
from voiceagent.domain.usage import TokenUsage


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function that the model may ask for. parameters is a JSON Schema object."""

    name: str
    description: str
    parameters: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """Everything that a reply depends on.

    messages: the conversation so far, oldest first, the question last; the engine adds the agent's instructions and passages.
    instructions: replaces the agent's when not None.  spoken: the answer will be heard, not read.
    speculative: the turn is not yet over: nothing with an effect may happen, nothing is stored, cancellation is likely.
    deadline_s: seconds within which the first token must come.
    needs_search: without a search that went well there is no answer: the reply ends at once, without a word of a model.
    """

    tenant_id: str
    subject: str
    agent: Agent
    messages: tuple[Message, ...]
    instructions: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    temperature: float | None = None
    max_output_tokens: int | None = None
    model: str | None = None
    spoken: bool = True
    speculative: bool = False
    deadline_s: float = 10.0
    needs_search: bool = False


Grounding = Literal["", "extracted", "generated", "refused"]
"""What an answer rests on: nothing but the model, a sentence of the documents told as it stands, passages that the model read, or the
finding that the documents do not say."""

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class ReplyText:
    """More words of the answer, without citation marks."""

    text: str


@dataclass(frozen=True, slots=True)
class ReplyToolCall:
    """The model asks for a tool; arguments are complete."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ReplyCitation:
    """The words just said rest on this passage."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """The last event of every reply that did not fail.

    retrieval_ms: how long the reply waited for passages, None without a search.  retrieval_error: the code when the search was late or
    failed, so that the answer stands without sources.  grounding: what the answer rests on.
    """

    finish_reason: FinishReason
    usage: TokenUsage
    model: str
    retrieval_ms: float | None = None
    retrieval_error: str | None = None
    grounding: Grounding = ""


ReplyEvent = ReplyText | ReplyToolCall | ReplyCitation | ReplyDone
