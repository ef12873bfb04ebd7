"""The engine in another process: ports.services.Engine over HTTP, for the distributed profile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import aiohttp
from pydantic import ValidationError

from voiceagent.domain.conversation import Turn
from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import ReplyDone, ReplyEvent, ReplyRequest
from voiceagent.kit.errors import DeadlineExceeded, Problem, Unavailable
from voiceagent.ports.services import OpenedConversation
from voiceagent.ports.services_wire import OPENED, PROBLEM_KEY, REPLY_EVENT, REPLY_REQUEST, TURN, problem_from

CONNECT_S = 2.0
CALL_S = 5.0
PREPARE_S = 10.0
NEXT_EVENT_S = 12.0
"""A little over the 10 s that the engine itself waits for the next token."""
_GRACE_S = 1.0
_LINE_BYTES = 1 << 20
_HEADER = "X-Voiceagent-Service"

ServiceToken = Callable[[Principal], str]
"""Makes the service token with which the engine is called in a caller's name."""


def open_engine(url: str, *, service_token: ServiceToken) -> EngineHttp:
    """The engine at `http://host:port`. Connects at the first call."""
    return EngineHttp(url, service_token)


class EngineHttp:
    """Implements ports.services.Engine."""

    def __init__(self, url: str, service_token: ServiceToken) -> None:
        self._url = f"{url.rstrip('/')}/internal/engine"
        self._token = service_token
        self._http: aiohttp.ClientSession | None = None
        self._closed = False

    async def open_conversation(
        self, principal: Principal, *, agent_id: str, conversation_id: str | None, channel: str
    ) -> OpenedConversation:
        asked = {"agent_id": agent_id, "conversation_id": conversation_id, "channel": channel}
        body = await self._call("/open_conversation", principal, json.dumps(asked).encode())
        try:
            return OPENED.validate_json(body)
        except ValidationError as error:
            raise _unreadable() from error

    async def prepare(self, request: ReplyRequest) -> None:
        try:
            await self._call("/prepare", _caller(request), REPLY_REQUEST.dump_json(request), within_s=PREPARE_S)
        except Problem:
            return  # only the head start is lost

    async def record(self, principal: Principal, turn: Turn) -> None:
        await self._call("/record", principal, TURN.dump_json(turn))

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        within_s = request.deadline_s + _GRACE_S
        body = REPLY_REQUEST.dump_json(request)
        try:
            async with asyncio.timeout(within_s):
                response = await self._post("/reply", _caller(request), body)
        except TimeoutError as error:
            raise DeadlineExceeded("llm_deadline", "the engine did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _lost() from error
        whole = False
        try:
            if response.status != 200:
                raise await _refusal(response)
            async for event in _events(response, within_s):
                yield event
                whole = isinstance(event, ReplyDone)
            if not whole:
                raise Unavailable("llm_unavailable", "the engine cut the answer off")
        finally:
            response.close()  # a reply that is left early stops the model behind it

    async def _call(self, path: str, principal: Principal, body: bytes, *, within_s: float = CALL_S) -> bytes:
        try:
            async with asyncio.timeout(within_s):
                response = await self._post(path, principal, body)
                try:
                    if response.status >= 400:
                        raise await _refusal(response)
                    return await response.read()
                finally:
                    response.release()
        except TimeoutError as error:
            raise DeadlineExceeded("engine_deadline", "the engine did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _lost() from error

    async def _post(self, path: str, principal: Principal, body: bytes) -> aiohttp.ClientResponse:
        headers = {_HEADER: self._token(principal), "Content-Type": "application/json"}
        return await self._session().post(self._url + path, data=body, headers=headers, allow_redirects=False)

    def _session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise _lost()
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=_LINE_BYTES,
            )
        return self._http

    async def close(self) -> None:
        """Close connections. Idempotent."""
        self._closed = True
        http, self._http = self._http, None
        if http is not None:
            await http.close()


async def _events(response: aiohttp.ClientResponse, first_s: float) -> AsyncIterator[ReplyEvent]:
    wait_s = first_s
    while True:
        try:
            async with asyncio.timeout(wait_s):
                line = await response.content.readline()
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


async def _refusal(response: aiohttp.ClientResponse) -> Problem:
    try:
        body = json.loads(await response.content.read(65_536))
        return problem_from(body.get(PROBLEM_KEY))
    except (ValueError, AttributeError):
        return _unreadable()


def _caller(request: ReplyRequest) -> Principal:
    return Principal(request.tenant_id, request.subject, frozenset({"talk"}), "service")


def _lost() -> Unavailable:
    return Unavailable("engine_unavailable", "the engine cannot be reached", retry_after_s=1.0)


def _unreadable() -> Unavailable:
    return Unavailable("engine_unavailable", "the engine gave an answer that cannot be read")
