"""OpenAI's chat-completions shapes, serving side: what a request says, and the objects that answer it. No models, no HTTP."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.conversation import Citation, Message, Role, ToolCall
from voiceagent.domain.reply import FinishReason, ToolSpec
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import InvalidInput, Unsupported

PASSED_ON = (
    "top_p",
    "seed",
    "response_format",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "parallel_tool_calls",
    "reasoning_effort",
)
"""Parameters that go to the model as they are."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="allow")


class FunctionCall(_Shape):
    name: str
    arguments: str = "{}"


class CallShape(_Shape):
    id: str
    function: FunctionCall


class MessageShape(_Shape):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[CallShape] | None = None
    tool_call_id: str | None = None


class FunctionShape(_Shape):
    name: str = Field(min_length=1, max_length=64)
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class ToolShape(_Shape):
    type: Literal["function"]
    function: FunctionShape


class StreamOptions(_Shape):
    include_usage: bool = False


class ChatCompletionRequest(_Shape):
    """The body of POST /v1/chat/completions."""

    model: str = Field(min_length=1, max_length=200)
    messages: list[MessageShape] = Field(min_length=1, max_length=2000)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    stop: str | list[str] | None = None
    n: int | None = Field(None, ge=1)
    tools: list[ToolShape] = Field(default_factory=list, max_length=128)
    tool_choice: str | dict[str, Any] = "auto"

    def extra_parameters(self) -> tuple[tuple[str, object], ...]:
        """What is passed on to the model unchanged."""
        given = self.model_extra or {}
        return tuple((name, given[name]) for name in PASSED_ON if given.get(name) is not None)


def messages_of(request: ChatCompletionRequest) -> tuple[Message, ...]:
    """The messages in the platform's words. Raises Unsupported `unsupported_content` for parts that are no text."""
    if request.n not in (None, 1):
        raise Unsupported("unsupported_parameter", "only one answer at a time can be asked for", param="n")
    return tuple(_message(index, shape) for index, shape in enumerate(request.messages))


def _message(index: int, shape: MessageShape) -> Message:
    role: Role = "system" if shape.role == "developer" else shape.role
    if role == "tool" and not shape.tool_call_id:
        raise InvalidInput(
            "missing_tool_call_id", "a tool message names its call", param=f"messages.{index}.tool_call_id"
        )
    calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in shape.tool_calls or ())
    return Message(role, _text(index, shape.content), calls, shape.tool_call_id)


def _text(index: int, content: str | list[dict[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    texts = [part.get("text") for part in content if part.get("type") == "text"]
    if len(texts) != len(content) or not all(isinstance(text, str) for text in texts):
        raise Unsupported("unsupported_content", "messages may hold text only", param=f"messages.{index}.content")
    return "\n".join(str(text) for text in texts)


def tools_of(request: ChatCompletionRequest) -> tuple[tuple[ToolSpec, ...], str]:
    """The tools, and the choice among them: auto, none, required or a function's name."""
    tools = tuple(ToolSpec(t.function.name, t.function.description, t.function.parameters) for t in request.tools)
    choice = request.tool_choice
    if isinstance(choice, dict):
        function = choice.get("function")
        choice = str(function.get("name", "auto")) if isinstance(function, dict) else "auto"
    return tools, choice


def stops_of(request: ChatCompletionRequest) -> tuple[str, ...]:
    """The strings that end the answer, at most four."""
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    if len(stop) > 4:
        raise InvalidInput("too_many_stops", "at most four stop strings can be given", param="stop")
    return tuple(text for text in stop if text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What all objects of one answer share."""

    completion_id: str
    created_s: int
    model: str

    def chunk(self, delta: dict[str, Any], finish: FinishReason | None = None) -> dict[str, Any]:
        """A chat.completion.chunk."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._object("chat.completion.chunk") | {"choices": [choice]}

    def usage_chunk(self, usage: TokenUsage) -> dict[str, Any]:
        """The chunk that comes last when the caller asked for usage."""
        return self._object("chat.completion.chunk") | {"choices": [], "usage": usage_shape(usage)}

    def whole(self, message: dict[str, Any], finish: FinishReason, usage: TokenUsage) -> dict[str, Any]:
        """A chat.completion."""
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return self._object("chat.completion") | {"choices": [choice], "usage": usage_shape(usage)}

    def _object(self, kind: str) -> dict[str, Any]:
        return {"id": self.completion_id, "object": kind, "created": self.created_s, "model": self.model}


def usage_shape(usage: TokenUsage) -> dict[str, Any]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def call_shape(index: int, call: ToolCall, *, streamed: bool) -> dict[str, Any]:
    """A tool call of an answer; a streamed one carries its index."""
    shape = {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    return {"index": index} | shape if streamed else shape


def citation_shape(citation: Citation) -> dict[str, Any]:
    """A source of the answer, as an annotation of its message."""
    return {
        "type": "document_citation",
        "document_citation": {
            "document_id": citation.document_id,
            "title": citation.title,
            "page": citation.page,
            "start": citation.start,
            "end": citation.end,
            "quote": citation.quote,
            "boxes": [asdict(box) for box in citation.boxes],
        },
    }
