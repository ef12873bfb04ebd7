"""A chat model that says what a script tells it, when the script tells it, and fails on request: for tests, load tests and demos."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from voiceagent.adapters.llm.estimate import estimate_prompt, estimate_tokens
from voiceagent.domain.conversation import Message, ToolCall
from voiceagent.domain.reply import FinishReason
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import (
    DeadlineExceeded,
    InvalidInput,
    Misconfigured,
    Problem,
    RateLimited,
    Unavailable,
)
from voiceagent.ports.llm import ChatDelta, ChatDone, ChatRequest, LlmCapabilities, TextDelta, ToolCallDelta

NEXT_TOKEN_S = 10.0

Fault = Literal["none", "refuse", "cut", "stall", "endless", "rate_limit", "credentials", "too_long", "reject"]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """One answer. `{question}` in text stands for the caller's last words; a token is a word with its space, or one of `tokens`.

    first_token_s, token_s: wait before the first and before each further token, in seconds.
    fault: what goes wrong after `fault_after` tokens; stall says nothing more, endless says its tokens again and again.
    when: the answer is only for questions that hold these words.
    """

    text: str = ""
    tokens: tuple[str, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    first_token_s: float = 0.0
    token_s: float = 0.0
    finish: FinishReason = "stop"
    fault: Fault = "none"
    fault_after: int = 0
    retry_after_s: float | None = None
    when: str = ""


Script = Sequence[ScriptedAnswer] | Callable[[ChatRequest], ScriptedAnswer]
ECHO = ScriptedAnswer(text="You said: {question}")


def open_llm(url: str) -> ScriptedLlm:
    """`scripted:///` repeats what was said; `scripted:///abs/file.json` holds a list of objects with ScriptedAnswer's fields.

    Raises Misconfigured `llm_script`.
    """
    path = unquote(urlsplit(url).path)
    if path in ("", "/"):
        return ScriptedLlm([ECHO])
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
        return ScriptedLlm([_answer(entry) for entry in entries])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Misconfigured("llm_script", "the script of the scripted LLM is no list of answers") from error


def _answer(entry: dict[str, Any]) -> ScriptedAnswer:
    unknown = set(entry) - {field.name for field in fields(ScriptedAnswer)}
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    calls = tuple(ToolCall(c["call_id"], c["name"], c["arguments"]) for c in entry.get("calls", ()))
    return ScriptedAnswer(**entry | {"calls": calls, "tokens": tuple(entry.get("tokens", ()))})


class ScriptedLlm:
    """Implements ports.llm.LanguageModel. Answers of a list are given in turn, from the start again after the last.

    requests, warmed: what was asked of it.  running: answers that are being given.  said_tokens: tokens that left it.
    """

    def __init__(
        self, script: Script, *, sleep: Sleep = asyncio.sleep, capabilities: LlmCapabilities | None = None
    ) -> None:
        if not callable(script) and not script:
            raise Misconfigured("llm_script", "the script of the scripted LLM is empty")
        self._script = script
        self._sleep = sleep
        self._turn = 0
        self._closed = False
        self.capabilities = capabilities or LlmCapabilities("scripted", 8192, tools=True, local=True, concurrency=1000)
        self.requests: list[ChatRequest] = []
        self.warmed: list[tuple[Message, ...]] = []
        self.running = 0
        self.said_tokens = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        if self._closed:
            raise Unavailable("llm_unavailable", "the scripted model is closed")
        self.requests.append(request)
        answer = self._next(request)
        self.running += 1
        try:
            async for delta in self._tell(answer, request):
                yield delta
        finally:
            self.running -= 1

    async def _tell(self, answer: ScriptedAnswer, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        tokens = answer.tokens or _words(answer.text)
        limit = request.max_output_tokens
        said = 0
        while answer.fault == "endless" or said == 0:
            for token in islice(tokens, limit - said):
                await self._wait(answer, said, request)
                said += 1
                self.said_tokens += 1
                yield TextDelta(token)
            if not tokens or said >= limit:
                break
        if said == 0 or answer.fault != "none":
            await self._wait(answer, said, request)
        for call in answer.calls:
            yield ToolCallDelta(call)
        cut = said >= limit and (answer.fault == "endless" or said < len(tokens))
        prompt = estimate_prompt([message.text for message in request.messages])
        yield ChatDone("length" if cut else answer.finish, TokenUsage(prompt, said))

    async def _wait(self, answer: ScriptedAnswer, said: int, request: ChatRequest) -> None:
        """The pause before the next token, and what goes wrong in it."""
        wait_s = answer.token_s if said else answer.first_token_s
        within_s = NEXT_TOKEN_S if said else request.deadline_s
        if answer.fault == "stall" and said >= answer.fault_after:
            wait_s = within_s + 1.0
        await self._sleep(min(wait_s, within_s))
        if wait_s > within_s:
            raise DeadlineExceeded("llm_deadline", "the scripted model did not answer in time")
        if said >= answer.fault_after and (problem := _problem(answer)) is not None:
            raise problem

    def _next(self, request: ChatRequest) -> ScriptedAnswer:
        question = next((m.text for m in reversed(request.messages) if m.role == "user"), "")
        if callable(self._script):
            answer = self._script(request)
        else:
            fitting = [a for a in self._script if a.when and a.when.lower() in question.lower()]
            fitting = fitting or [a for a in self._script if not a.when] or [ECHO]
            answer = fitting[self._turn % len(fitting)]
            self._turn += 1
        return replace(answer, text=answer.text.replace("{question}", question))

    async def warm(self, messages: tuple[Message, ...]) -> None:
        self.warmed.append(messages)

    async def count_tokens(self, text: str) -> int:
        return estimate_tokens(text)

    async def ready(self) -> bool:
        return not self._closed

    async def close(self) -> None:
        self._closed = True


def _words(text: str) -> tuple[str, ...]:
    words = text.split(" ")
    return tuple(word if index == 0 else " " + word for index, word in enumerate(words) if word or index)


def _problem(answer: ScriptedAnswer) -> Problem | None:
    if answer.fault == "rate_limit":
        return RateLimited("llm_rate_limited", "the scripted model is busy", retry_after_s=answer.retry_after_s)
    problems: dict[str, Problem] = {
        "refuse": Unavailable("llm_unavailable", "the scripted model refuses"),
        "cut": Unavailable("llm_unavailable", "the scripted model cut its answer off"),
        "credentials": Misconfigured("llm_credentials", "the scripted model wants another key"),
        "too_long": InvalidInput("context_too_long", "the scripted model has a short memory"),
        "reject": InvalidInput("llm_rejected", "the scripted model refuses the request"),
    }
    return problems.get(answer.fault)
