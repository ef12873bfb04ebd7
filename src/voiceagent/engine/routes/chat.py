"""POST /v1/chat/completions: a model by its name or role, or an agent, which adds its instructions, its documents and its citations."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.domain.reply import ReplyCitation, ReplyDone, ReplyEvent, ReplyRequest, ReplyText, ReplyToolCall
from voiceagent.engine.conversations import agent_of
from voiceagent.engine.reply import EngineService
from voiceagent.engine.routes import openai_chat
from voiceagent.engine.routes.openai_chat import Answer, ChatCompletionRequest
from voiceagent.kit.errors import NotFound, Problem, Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.llm import ChatRequest, TextDelta, ToolCallDelta
from voiceagent.web.app import Router, body_limit
from voiceagent.web.auth import require
from voiceagent.web.repeats.once import once

T = TypeVar("T")
Caller = Annotated[Principal, Depends(require("talk"))]
FIRST_TOKEN_S = 30.0
DEFAULT_OUTPUT_TOKENS = 512
_BODY_BYTES = 4 << 20
_DONE = b"data: [DONE]\n\n"
_GONE = 499
_SSE_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def chat_routes(engine: EngineService) -> Router:
    """The data plane's chat, in OpenAI's shapes."""
    router = Router(prefix="/v1")

    @router.post("/chat/completions", response_model=None)
    @body_limit(_BODY_BYTES)
    @once("alone")
    async def create_chat_completion(asked: ChatCompletionRequest, request: Request, caller: Caller) -> Response:
        events = await _events(engine, asked, caller)
        answer = Answer(new_id("chatcmpl"), int(time.time()), asked.model)
        try:
            first = await _unless_gone(request, anext(events, None))
            if first is None:
                raise Unavailable("llm_unavailable", "the model ended without an answer")
            if asked.stream:
                usage = asked.stream_options is not None and asked.stream_options.include_usage
                frames = _frames(answer, first, events, usage=usage)
                return StreamingResponse(frames, media_type="text/event-stream", headers=_SSE_HEADERS)
            async with aclosing(events):
                return JSONResponse(await _unless_gone(request, _whole(answer, first, events)))
        except _Gone:
            await events.aclose()
            return Response(status_code=_GONE)

    return router


async def _events(
    engine: EngineService, asked: ChatCompletionRequest, caller: Principal
) -> AsyncGenerator[ReplyEvent, None]:
    """The answer of whom the request names. Raises NotFound `model_not_found`."""
    messages = openai_chat.messages_of(asked)
    tools, choice = openai_chat.tools_of(asked)
    limit = asked.max_completion_tokens or asked.max_tokens
    asker = Asker(caller.tenant_id)
    if asked.model in engine.parts.router.names(asker):
        chat = ChatRequest(
            messages,
            max_output_tokens=limit or DEFAULT_OUTPUT_TOKENS,
            temperature=0.7 if asked.temperature is None else asked.temperature,
            stop=openai_chat.stops_of(asked),
            tools=tools,
            tool_choice=choice,
            deadline_s=FIRST_TOKEN_S,
            extra=asked.extra_parameters(),
        )
        return _plain(engine, asked.model, chat, asker)
    try:
        async with engine.parts.store.begin(caller.tenant_id, read_only=True) as work:
            agent = await agent_of(work, asked.model)
    except NotFound as error:
        raise NotFound("model_not_found", "there is no model and no agent of that name", param="model") from error
    reply = ReplyRequest(
        caller.tenant_id,
        caller.subject,
        agent,
        messages,
        tools=tools,
        tool_choice=choice,
        temperature=asked.temperature,
        max_output_tokens=limit,
        spoken=False,
        deadline_s=FIRST_TOKEN_S,
    )
    return engine.reply(reply)


async def _plain(engine: EngineService, name: str, chat: ChatRequest, asker: Asker) -> AsyncGenerator[ReplyEvent, None]:
    """A model's own answer, untouched."""
    started = await engine.parts.router.start(name, chat, asker)
    async with aclosing(started.deltas()) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                yield ReplyText(delta.text)
            elif isinstance(delta, ToolCallDelta):
                yield ReplyToolCall(delta.call)
            else:
                yield ReplyDone(delta.finish_reason, delta.usage, started.model)


async def _frames(
    answer: Answer, first: ReplyEvent, events: AsyncGenerator[ReplyEvent, None], *, usage: bool
) -> AsyncIterator[bytes]:
    """Server-sent events; a problem after the start is an error object, and then no [DONE]."""
    calls = 0
    async with aclosing(events):
        yield _frame(answer.chunk({"role": "assistant", "content": ""}))
        try:
            async for event in _with(first, events):
                if isinstance(event, ReplyText):
                    yield _frame(answer.chunk({"content": event.text}))
                elif isinstance(event, ReplyToolCall):
                    yield _frame(
                        answer.chunk({"tool_calls": [openai_chat.call_shape(calls, event.call, streamed=True)]})
                    )
                    calls += 1
                elif isinstance(event, ReplyCitation):
                    yield _frame(answer.chunk({"annotations": [openai_chat.citation_shape(event.citation)]}))
                else:
                    yield _frame(answer.chunk({}, event.finish_reason))
                    if usage:
                        yield _frame(answer.usage_chunk(event.usage))
        except Problem as problem:
            yield _frame({"error": {"message": problem.message, "type": "server_error", "code": problem.code}})
            return
        yield _DONE


async def _whole(answer: Answer, first: ReplyEvent, events: AsyncIterator[ReplyEvent]) -> dict[str, Any]:
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    sources: list[dict[str, Any]] = []
    async for event in _with(first, events):
        if isinstance(event, ReplyText):
            texts.append(event.text)
        elif isinstance(event, ReplyToolCall):
            calls.append(openai_chat.call_shape(len(calls), event.call, streamed=False))
        elif isinstance(event, ReplyCitation):
            sources.append(openai_chat.citation_shape(event.citation))
        else:
            content = "".join(texts) if texts or not calls else None
            message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
            message |= {"tool_calls": calls} if calls else {}
            message |= {"annotations": sources} if sources else {}
            return answer.whole(message, event.finish_reason, event.usage)
    raise Unavailable("llm_unavailable", "the model did not finish its answer")


async def _with(first: ReplyEvent, rest: AsyncIterator[ReplyEvent]) -> AsyncIterator[ReplyEvent]:
    yield first
    async for event in rest:
        yield event


def _frame(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


class _Gone(Exception):
    """The client left before its answer was there."""


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled as soon as the client leaves. Raises _Gone then."""
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise _Gone
    finally:
        leaving.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
