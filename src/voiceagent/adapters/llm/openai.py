"""Any OpenAI-compatible chat server over HTTP: a thin streaming client. The format itself is in `openai_wire.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import aiohttp

from voiceagent.adapters.llm.estimate import estimate_prompt, estimate_tokens
from voiceagent.adapters.llm.openai_call import read_answer
from voiceagent.adapters.llm.openai_url import OpenAiServer, server_at
from voiceagent.adapters.llm.openai_wire import problem_of, refused_parameter, request_body
from voiceagent.adapters.llm.rates import Rates, paused, told
from voiceagent.domain.conversation import Message
from voiceagent.kit.calls.outbound import GuardedResolver, Outbound
from voiceagent.kit.errors import DeadlineExceeded, RateLimited, Unavailable
from voiceagent.ports.llm import ChatDelta, ChatRequest, LlmCapabilities

__all__ = ["OpenAiLlm", "OpenAiServer", "open_llm"]

CONNECT_S = 2.0
READY_S = 2.0
_ERROR_BODY_BYTES = 65_536
_LOST = (aiohttp.ClientError, OSError)


def open_llm(url: str, *, api_key: str = "", outbound: Outbound | None = None) -> OpenAiLlm:
    """The model at an OpenAI-compatible URL, see openai_url.py. Raises Misconfigured `llm_url` or `llm_credentials`."""
    return OpenAiLlm(server_at(url, api_key=api_key, outbound=outbound))


class OpenAiLlm:
    """Implements ports.llm.LanguageModel. One connection pool; safe to use from many tasks of one event loop."""

    def __init__(self, server: OpenAiServer) -> None:
        self._server = server
        self._base_url = server.base_url
        self._http: aiohttp.ClientSession | None = None
        self._refused: frozenset[str] = frozenset()
        self._rates = Rates()
        self._closed = False

    @property
    def capabilities(self) -> LlmCapabilities:
        return self._server.capabilities

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        now_s = asyncio.get_running_loop().time()
        first_by_s = now_s + request.deadline_s
        self._wait_for_the_provider(request, now_s)
        try:
            response = await self._answer(request, first_by_s)
            async with aclosing(read_answer(response, request, first_by_s)) as deltas:
                async for delta in deltas:
                    yield delta
        except _LOST as error:
            raise Unavailable("llm_unavailable", "the connection to the model server failed") from error

    def _wait_for_the_provider(self, request: ChatRequest, now_s: float) -> None:
        """Raises RateLimited `llm_rate_limited` while the provider said that no call may come: then none goes out."""
        if self._rates == Rates():
            return
        tokens = estimate_prompt([message.text for message in request.messages]) + request.max_output_tokens
        wait_s = self._rates.wait_s(now_s, tokens)
        if wait_s > 0:
            raise RateLimited("llm_rate_limited", "the model server asked to wait", retry_after_s=wait_s)

    def _note(self, response: aiohttp.ClientResponse) -> None:
        """What the answer's headers say of the provider's limits."""
        now_s = asyncio.get_running_loop().time()
        self._rates = told(self._rates, response.headers, now_s)

    async def _answer(self, request: ChatRequest, first_by_s: float) -> aiohttp.ClientResponse:
        """The response to `request` once the server has accepted it. Sends again without a parameter that the server refuses by name,
        and once when a connection that was kept turns out to be dead; never after the first byte."""
        reconnected = False
        while True:
            body = request_body(request, self.capabilities.model, self._refused) | dict(self._server.extra)
            try:
                async with asyncio.timeout_at(first_by_s):
                    response = await self._post("/chat/completions", body)
                    self._note(response)
                    if response.status == 200:
                        return response
                    said = await _error_body(response)
            except aiohttp.ServerTimeoutError:
                raise
            except TimeoutError as error:
                raise DeadlineExceeded("llm_deadline", "the model server did not answer in time") from error
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if reconnected or isinstance(error, aiohttp.ClientConnectorError):
                    raise
                reconnected = True
                continue
            refused = refused_parameter(response.status, said, body)
            if refused is None:
                problem = problem_of(response.status, said, response.headers)
                if isinstance(problem, RateLimited) and problem.retry_after_s:
                    self._rates = paused(self._rates, problem.retry_after_s, asyncio.get_running_loop().time())
                raise problem
            self._refused |= {refused}

    def move_to(self, base_url: str) -> None:
        """Call another address from now on: the same server came back there."""
        self._base_url = base_url

    async def ask(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON that a plain POST to `path` under the base URL gives; the caller bounds the wait. Raises Problem or aiohttp's errors."""
        response = await self._post(path, body)
        try:
            if response.status != 200:
                raise problem_of(response.status, b"", response.headers)
            return await response.json()
        finally:
            response.close()

    async def _post(self, path: str, body: dict[str, Any]) -> aiohttp.ClientResponse:
        return await self._session().post(self._at(path), json=body, allow_redirects=False)

    def _at(self, path: str) -> str:
        version = self._server.api_version
        return f"{self._base_url}{path}?api-version={version}" if version else self._base_url + path

    def _session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise Unavailable("llm_unavailable", "the client of the model server is closed")
        if self._http is None:
            headers = {"Accept-Encoding": "identity"} | self._server.credentials()
            resolver = None if self._server.outbound is None else GuardedResolver(self._server.outbound)
            self._http = aiohttp.ClientSession(
                headers=headers,
                connector=aiohttp.TCPConnector(limit=0, force_close=not self._server.keep_alive, resolver=resolver),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._http

    async def warm(self, messages: tuple[Message, ...]) -> None:
        """Does nothing: a remote prefix cache costs money and belongs to the provider."""

    async def count_tokens(self, text: str) -> int:
        return estimate_tokens(text)

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(READY_S):
                response = await self._session().get(self._at("/models"), allow_redirects=False)
                response.close()
        except (Unavailable, TimeoutError, *_LOST):
            return False
        return response.status < 500 and response.status not in (401, 403, 429)

    async def close(self) -> None:
        self._closed = True
        http, self._http = self._http, None
        if http is not None:
            await http.close()


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.content.read(_ERROR_BODY_BYTES)
    finally:
        response.close()
