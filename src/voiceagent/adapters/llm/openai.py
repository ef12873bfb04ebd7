"""Any OpenAI-compatible chat server over HTTP: a thin streaming client. The format itself is in `openai_wire.py`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from voiceagent.adapters.llm.estimate import estimate_tokens
from voiceagent.adapters.llm.openai_call import read_answer
from voiceagent.adapters.llm.openai_wire import problem_of, refused_parameter, request_body
from voiceagent.domain.conversation import Message
from voiceagent.kit.errors import DeadlineExceeded, Misconfigured, Unavailable
from voiceagent.ports.llm import ChatDelta, ChatRequest, LlmCapabilities

CONNECT_S = 2.0
READY_S = 2.0
_ERROR_BODY_BYTES = 65_536
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LOST = (aiohttp.ClientError, OSError)


@dataclass(frozen=True, slots=True)
class OpenAiServer:
    """Where to call and what is known of the model. base_url ends in /v1 or alike; api_key is "" when the server wants none."""

    base_url: str
    capabilities: LlmCapabilities
    api_key: str = ""
    keep_alive: bool = True
    extra: tuple[tuple[str, Any], ...] = ()


def open_llm(url: str) -> OpenAiLlm:
    """`openai+http[s]://host/v1?model=NAME[&key_env=VAR|&key_file=PATH][&context=N][&tools=1][&concurrency=N]`.

    Raises Misconfigured `llm_url` or `llm_credentials`.
    """
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    known = {"model", "key_env", "key_file", "context", "tools", "concurrency"}
    if parts.username or parts.password or not parts.hostname or set(query) - known:
        raise Misconfigured("llm_url", f"an LLM URL has a host, no password, and of {sorted(known)} what it needs")
    if not query.get("model"):
        raise Misconfigured("llm_url", "the LLM URL lacks ?model=NAME")
    capabilities = LlmCapabilities(
        model=query["model"],
        context_tokens=_number(query, "context", 8192),
        tools=query.get("tools", "0") == "1",
        local=parts.hostname in _LOOPBACK,
        concurrency=_number(query, "concurrency", 16),
    )
    base_url = f"{parts.scheme.removeprefix('openai+')}://{parts.netloc}{parts.path.rstrip('/')}"
    return OpenAiLlm(OpenAiServer(base_url, capabilities, _api_key(query)))


def _number(query: dict[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise Misconfigured("llm_url", f"{name} in the LLM URL must be a positive number")
    return int(value)


def _api_key(query: dict[str, str]) -> str:
    if variable := query.get("key_env"):
        key = os.environ.get(variable, "").strip()
        if not key:
            raise Misconfigured("llm_credentials", f"the environment variable {variable} with the API key is empty")
        return key
    if not (path := query.get("key_file")):
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured("llm_credentials", "the file with the API key (key_file) cannot be read") from error


class OpenAiLlm:
    """Implements ports.llm.LanguageModel. One connection pool; safe to use from many tasks of one event loop."""

    def __init__(self, server: OpenAiServer) -> None:
        self._server = server
        self._base_url = server.base_url
        self._http: aiohttp.ClientSession | None = None
        self._refused: frozenset[str] = frozenset()
        self._closed = False

    @property
    def capabilities(self) -> LlmCapabilities:
        return self._server.capabilities

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        first_by_s = asyncio.get_running_loop().time() + request.deadline_s
        try:
            response = await self._answer(request, first_by_s)
            async with aclosing(read_answer(response, request, first_by_s)) as deltas:
                async for delta in deltas:
                    yield delta
        except _LOST as error:
            raise Unavailable("llm_unavailable", "the connection to the model server failed") from error

    async def _answer(self, request: ChatRequest, first_by_s: float) -> aiohttp.ClientResponse:
        """The response to `request` once the server has accepted it. Sends again without a parameter that the server refuses by name,
        and once when a connection that was kept turns out to be dead; never after the first byte."""
        reconnected = False
        while True:
            body = request_body(request, self.capabilities.model, self._refused) | dict(self._server.extra)
            try:
                async with asyncio.timeout_at(first_by_s):
                    response = await self._post("/chat/completions", body)
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
                raise problem_of(response.status, said, response.headers)
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
        return await self._session().post(self._base_url + path, json=body, allow_redirects=False)

    def _session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise Unavailable("llm_unavailable", "the client of the model server is closed")
        if self._http is None:
            headers = {"Accept-Encoding": "identity"}
            if self._server.api_key:
                headers["Authorization"] = f"Bearer {self._server.api_key}"
            self._http = aiohttp.ClientSession(
                headers=headers,
                connector=aiohttp.TCPConnector(limit=0, force_close=not self._server.keep_alive),
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
                response = await self._session().get(self._base_url + "/models", allow_redirects=False)
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
