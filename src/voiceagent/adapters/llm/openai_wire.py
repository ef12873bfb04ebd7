"""OpenAI's chat-completions format: requests and chunks to and from the port's types, error bodies to kit.errors. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from voiceagent.domain.conversation import Message, ToolCall
from voiceagent.domain.reply import FinishReason
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import InvalidInput, Misconfigured, Problem, RateLimited, Unavailable
from voiceagent.ports.llm import ChatDelta, ChatRequest, TextDelta, ToolCallDelta

OPTIONAL_PARAMETERS = ("stream_options", "max_tokens", "temperature", "stop", "return_progress")
"""Parameters that some servers refuse by name; the client then leaves them out (max_tokens changes its name)."""

_OVERFLOW_SIGNS = (
    "exceed_context",
    "context_length",
    "context length",
    "context size",
    "context window",
    "maximum context",
)
_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def request_body(request: ChatRequest, model: str, refused: frozenset[str]) -> dict[str, Any]:
    """The JSON body of a streaming call, without the parameters that the server is known to refuse."""
    body: dict[str, Any] = {"model": model, "messages": [message_body(m) for m in request.messages], "stream": True}
    body["stream_options"] = {"include_usage": True}
    body["max_tokens"] = request.max_output_tokens
    body["temperature"] = request.temperature
    if request.stop:
        body["stop"] = list(request.stop)
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": t.parameters},
            }
            for t in request.tools
        ]
        body["tool_choice"] = _tool_choice(request.tool_choice)
    body.update(request.extra)
    for name in refused:
        value = body.pop(name, None)
        if name == "max_tokens" and value is not None:
            body["max_completion_tokens"] = value
    return body


def message_body(message: Message) -> dict[str, Any]:
    """One message in OpenAI's shape."""
    body: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        body["tool_calls"] = [
            {"id": c.call_id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in message.tool_calls
        ]
    return body


def _tool_choice(choice: str) -> Any:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


class ChunkReader:
    """Puts the chunks of one answer together. `deltas` gives what is complete; `finish` and `usage` come with the last chunks."""

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.usage: TokenUsage | None = None
        self.alive = False
        """A token of any kind has come, reasoning included."""
        self.tokens = 0
        """Pieces of text so far: about the tokens of the answer."""
        self._calls: dict[int, dict[str, str]] = {}

    def deltas(self, payload: bytes) -> list[ChatDelta]:
        """What this `data:` payload adds. Raises Unavailable `llm_unavailable` when it is garbled, or the problem that it reports."""
        try:
            chunk = json.loads(payload)
            if chunk.get("error"):
                raise problem_of(_error_status(chunk["error"]), payload, {})
            if chunk.get("usage"):
                self.usage = usage_of(chunk["usage"])
            choices = chunk.get("choices") or ()
            return self._choice(choices[0]) if choices else []
        except (ValueError, TypeError, KeyError, AttributeError, LookupError) as error:
            raise Unavailable("llm_unavailable", "the model server sent a chunk that cannot be read") from error

    def _choice(self, choice: dict[str, Any]) -> list[ChatDelta]:
        delta = choice.get("delta") or choice.get("message") or {}
        found: list[ChatDelta] = []
        text = delta.get("content")
        if text:
            if not isinstance(text, str):
                raise TypeError("content is no text")
            self.tokens += 1
            found.append(TextDelta(text))
        for position, piece in enumerate(delta.get("tool_calls") or ()):
            self._add(piece.get("index", position), piece)
        self.alive = self.alive or bool(text or self._calls or delta.get("reasoning_content") or delta.get("reasoning"))
        if choice.get("finish_reason"):
            self.finish = _FINISH.get(choice["finish_reason"], "stop")
            found += self._whole_calls()
        return found

    def _add(self, index: int, piece: dict[str, Any]) -> None:
        call = self._calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
        function = piece.get("function") or {}
        call["id"] = piece.get("id") or call["id"]
        call["name"] += function.get("name") or ""
        call["arguments"] += function.get("arguments") or ""

    def _whole_calls(self) -> list[ChatDelta]:
        calls, self._calls = self._calls, {}
        if calls and self.finish == "stop":
            self.finish = "tool_calls"
        return [
            ToolCallDelta(ToolCall(call["id"] or f"call_{index}", call["name"], call["arguments"] or "{}"))
            for index, call in sorted(calls.items())
            if call["name"]
        ]


def usage_of(usage: dict[str, Any]) -> TokenUsage:
    """OpenAI's usage object in the platform's words."""
    details = usage.get("prompt_tokens_details") or {}
    return TokenUsage(
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        cached_tokens=int(details.get("cached_tokens") or 0),
    )


def refused_parameter(status: int, body: bytes, sent: dict[str, Any]) -> str | None:
    """The optional parameter that the server names as unknown or unsupported in a 400 or 422; None when it is something else."""
    if status not in (400, 422):
        return None
    said = body[:4096].decode("utf-8", "replace").lower()
    if any(sign in said for sign in _OVERFLOW_SIGNS):
        return None
    return next((name for name in OPTIONAL_PARAMETERS if name in said and name in sent), None)


def problem_of(status: int, body: bytes, headers: Any) -> Problem:
    """The problem that an error answer means. The server's own words stay out of it: they may quote the prompt."""
    said = body[:4096].decode("utf-8", "replace").lower()
    if status in (401, 403):
        return Misconfigured("llm_credentials", "the model server does not accept the configured API key")
    if status == 429:
        milliseconds = headers.get("retry-after-ms") or ""
        wait_s = retry_after_s(headers.get("Retry-After"))
        wait_s = int(milliseconds) / 1000 if milliseconds.isdecimal() else wait_s
        return RateLimited("llm_rate_limited", "the model server asks to slow down", retry_after_s=wait_s)
    if status in (400, 413, 422) and any(sign in said for sign in _OVERFLOW_SIGNS):
        return InvalidInput("context_too_long", "the conversation does not fit into the model's context")
    if 400 <= status < 500 and status not in (408, 409, 425):
        return InvalidInput("llm_rejected", f"the model server refused the request (HTTP {status})")
    wait_s = retry_after_s(headers.get("Retry-After"))
    return Unavailable("llm_unavailable", f"the model server failed (HTTP {status})", retry_after_s=wait_s)


def retry_after_s(value: str | None) -> float | None:
    """Seconds from a Retry-After header, given as seconds or as a date; None when there is none or it is no sense."""
    if not value:
        return None
    try:
        return min(max(float(value), 0.0), 86_400.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _error_status(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return code
    return 429 if isinstance(error, dict) and "rate_limit" in str(error.get("type")) else 500
