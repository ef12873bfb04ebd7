"""The engine's port over HTTP, for the other services only. Its client is adapters/services/engine_http.py."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.responses import Response, StreamingResponse

from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import ReplyEvent, ReplyRequest
from voiceagent.engine.reply import EngineService
from voiceagent.kit.errors import InvalidInput, Problem
from voiceagent.ports.services_wire import OPENED, REPLY_EVENT, REPLY_REQUEST, TURN, problem_line
from voiceagent.web.app import Router, body_limit
from voiceagent.web.auth import require

Caller = Annotated[Principal, Depends(require("talk"))]
_BODY_BYTES = 4 << 20
T = TypeVar("T")


class OpenConversation(BaseModel):
    """The arguments of open_conversation."""

    agent_id: str
    conversation_id: str | None
    channel: str


def internal_routes(engine: EngineService) -> Router:
    """One route a method of ports.services.Engine. Problems are lines of JSON with their kind, so that the caller raises the same."""
    router = Router(prefix="/internal/engine", include_in_schema=False)

    @router.post("/open_conversation")
    async def open_conversation(asked: OpenConversation, caller: Caller) -> Response:
        return await _answer(_opened(engine, caller, asked))

    @router.post("/prepare")
    @body_limit(_BODY_BYTES)
    async def prepare(request: Request, caller: Caller) -> Response:
        await engine.prepare(await _reply_request(request, caller))
        return Response(status_code=204)

    @router.post("/reply")
    @body_limit(_BODY_BYTES)
    async def reply(request: Request, caller: Caller) -> Response:
        asked = await _reply_request(request, caller)
        return StreamingResponse(_lines(engine.reply(asked)), media_type="application/x-ndjson")

    @router.post("/record")
    @body_limit(_BODY_BYTES)
    async def record(request: Request, caller: Caller) -> Response:
        turn = _read(TURN, await request.body())
        return await _answer(_nothing(engine.record(caller, turn)))

    return router


async def _opened(engine: EngineService, caller: Principal, asked: OpenConversation) -> bytes:
    opened = await engine.open_conversation(
        caller, agent_id=asked.agent_id, conversation_id=asked.conversation_id, channel=asked.channel
    )
    return OPENED.dump_json(opened)


async def _nothing(work: Awaitable[None]) -> bytes:
    await work
    return b"{}"


async def _answer(work: Awaitable[bytes]) -> Response:
    try:
        return Response(await work, media_type="application/json")
    except Problem as problem:
        return Response(problem_line(problem), problem.status, media_type="application/json")


async def _reply_request(request: Request, caller: Principal) -> ReplyRequest:
    """The request in the body, in the name of the caller of the token, whatever the body says."""
    asked = _read(REPLY_REQUEST, await request.body())
    return replace(asked, tenant_id=caller.tenant_id, subject=caller.subject)


def _read(adapter: TypeAdapter[T], body: bytes) -> T:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise InvalidInput("bad_request", "the body is not what this call takes") from error


async def _lines(events: AsyncGenerator[ReplyEvent, None]) -> AsyncIterator[bytes]:
    """Each event as a line; a problem as the last one."""
    async with aclosing(events):
        try:
            async for event in events:
                yield REPLY_EVENT.dump_json(event) + b"\n"
        except Problem as problem:
            yield problem_line(problem) + b"\n"
