"""The engine in another process: ports.services.Engine over HTTP, for the distributed profile."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from pydantic import ValidationError

from voiceagent.adapters.services.line import Answer, Call, ServiceLine, ServiceToken
from voiceagent.domain.conversation import Turn
from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import ReplyDone, ReplyEvent, ReplyRequest
from voiceagent.kit.calls.balance import Upstreams
from voiceagent.kit.calls.upkeep import Find
from voiceagent.kit.errors import DeadlineExceeded, Problem, Unauthenticated, Unavailable
from voiceagent.ports.services import OpenedConversation
from voiceagent.ports.services_wire import OPENED, PROBLEM_KEY, REPLY_EVENT, REPLY_REQUEST, TURN, problem_from

CALL_S = 5.0
PREPARE_S = 10.0
NEXT_EVENT_S = 12.0
"""A little over the 10 s that the engine itself waits for the next token."""
_GRACE_S = 1.0
_PATH = "/internal/engine"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Terms:
    within_s: float = CALL_S
    repeatable: bool = False
    read: bool = False
    loyal_to: str = ""


def open_engine(
    url: str,
    *,
    service_token: ServiceToken,
    urls: tuple[str, ...] = (),
    find: Find | None = None,
    tls: ssl.SSLContext | None = None,
) -> EngineHttp:
    """The engine at `http://host:port` (or https, by `tls`), or at all of `urls`, or wherever `find` says. Connects at the first call."""
    return EngineHttp(ServiceLine(Upstreams("engine", () if find else urls or (url,)), service_token, find, tls))


class EngineHttp:
    """Implements ports.services.Engine. A conversation stays with the engine that has its prompt in memory, while that has room."""

    def __init__(self, line: ServiceLine) -> None:
        self._line = line

    async def open_conversation(
        self, principal: Principal, *, agent_id: str, conversation_id: str | None, channel: str
    ) -> OpenedConversation:
        asked = {"agent_id": agent_id, "conversation_id": conversation_id, "channel": channel}
        terms = _Terms(repeatable=conversation_id is not None, read=conversation_id is not None)
        body = await self._call("/open_conversation", principal, json.dumps(asked).encode(), terms)
        try:
            return OPENED.validate_json(body)
        except ValidationError as error:
            raise _unreadable() from error

    async def prepare(self, request: ReplyRequest) -> None:
        try:
            terms = _Terms(PREPARE_S, loyal_to=_conversation(request))
            await self._call("/prepare", _caller(request), REPLY_REQUEST.dump_json(request), terms)
        except Problem:
            return  # only the head start is lost

    async def record(self, principal: Principal, turn: Turn) -> None:
        await self._call("/record", principal, TURN.dump_json(turn), _Terms(repeatable=True))

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        within_s = request.deadline_s + _GRACE_S
        caller = _caller(request)
        body = REPLY_REQUEST.dump_json(request)
        call = Call(f"{_PATH}/reply", caller, body, within_s, repeatable=True, loyal_to=_conversation(request))
        try:
            async with self._line.sent(call) as response:
                if response.status != 200:
                    raise await _refusal(response)
                whole = False
                async for event in _events(response, within_s):
                    yield event
                    whole = isinstance(event, ReplyDone)
                if not whole:
                    raise Unavailable("llm_unavailable", "the engine cut the answer off")
        except TimeoutError as error:
            raise DeadlineExceeded("llm_deadline", "the engine did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _lost() from error

    async def _call(self, path: str, principal: Principal, body: bytes, terms: _Terms) -> bytes:
        call = Call(_PATH + path, principal, body, terms.within_s, terms.repeatable, terms.read, terms.loyal_to)
        try:
            async with asyncio.timeout(terms.within_s), self._line.sent(call) as response:
                if response.status >= 400:
                    raise await _refusal(response)
                return await response.read()
        except TimeoutError as error:
            raise DeadlineExceeded("engine_deadline", "the engine did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _lost() from error

    async def close(self) -> None:
        """Close connections. Idempotent."""
        await self._line.close()


async def _events(response: Answer, first_s: float) -> AsyncIterator[ReplyEvent]:
    wait_s = first_s
    while True:
        try:
            async with asyncio.timeout(wait_s):
                line = await response.line()
        except TimeoutError as error:
            raise DeadlineExceeded("llm_deadline", "the engine did not answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable("llm_unavailable", "the engine cut the answer off") from error
        if not line:
            return
        wait_s = NEXT_EVENT_S
        yield _event(line)


def _event(line: bytes) -> ReplyEvent:
    try:
        body: Any = json.loads(line)
        if PROBLEM_KEY in body:
            raise problem_from(body[PROBLEM_KEY])
        return REPLY_EVENT.validate_python(body)
    except (ValueError, TypeError) as error:
        raise _unreadable() from error


async def _refusal(response: Answer) -> Problem:
    if response.status == Unauthenticated.status:
        # Never the caller's fault: the gateway saw good credentials.
        _log.error("service_token_refused", service="engine")
        return Unavailable("engine_unavailable", "the engine does not trust this service; are their clocks right?")
    try:
        body = json.loads(await response.read())
        return problem_from(body.get(PROBLEM_KEY))
    except (ValueError, AttributeError):
        return _unreadable()


def _caller(request: ReplyRequest) -> Principal:
    return Principal(request.tenant_id, request.subject, frozenset({"talk"}), "service")


def _conversation(request: ReplyRequest) -> str:
    """What the prompts of one conversation have in common."""
    first = next((message.text for message in request.messages if message.role == "user"), "")
    return f"{request.tenant_id}\0{request.subject}\0{request.agent.agent_id}\0{first[:200]}"


def _lost() -> Unavailable:
    return Unavailable("engine_unavailable", "the engine cannot be reached", retry_after_s=1.0)


def _unreadable() -> Unavailable:
    return Unavailable("engine_unavailable", "the engine gave an answer that cannot be read")
