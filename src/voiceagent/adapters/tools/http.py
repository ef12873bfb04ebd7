"""Runs a tool: one POST of JSON to the address that the operator gave it, no redirects, bounded in time and size."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from voiceagent.domain.identity import Principal
from voiceagent.domain.tool import Tool, ToolResult, ToolUse
from voiceagent.kit.calls.bodies import read_up_to
from voiceagent.kit.calls.outbound import GuardedResolver, Outbound

CONNECT_S = 2.0
ANSWER_BYTES = 65_536
_TEXTS = ("application/json", "text/plain", "text/markdown")


@dataclass(frozen=True, slots=True)
class Place:
    """A tool and where it runs. key: sent as a bearer token, "" for none."""

    tool: Tool
    url: str
    key: str = field(default="", repr=False)


class HttpTools:
    """Implements ports.tools.Tools. Belongs to the event loop of its first call."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = {place.tool.name: place for place in places}
        self._http: aiohttp.ClientSession | None = None

    @property
    def all(self) -> tuple[Tool, ...]:
        return tuple(place.tool for _, place in sorted(self._places.items()))

    async def run(self, caller: Principal, use: ToolUse, *, key: str) -> ToolResult:
        place = self._places[use.tool.name]
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if place.key:
            headers["Authorization"] = f"Bearer {place.key}"
        told = {
            "tool": use.tool.name,
            "arguments": use.arguments | use.bound,
            "caller": {"tenant_id": caller.tenant_id, "subject": caller.subject},
        }
        try:
            async with asyncio.timeout(use.tool.timeout_s):
                return await self._answer(place.url, json.dumps(told).encode(), headers)
        except TimeoutError:
            return ToolResult("the tool did not answer in time", ok=False)
        except (aiohttp.ClientError, OSError, ValueError):
            return ToolResult("the tool cannot be reached", ok=False)

    async def _answer(self, url: str, body: bytes, headers: dict[str, str]) -> ToolResult:
        async with self._opened().post(url, data=body, headers=headers, allow_redirects=False) as response:
            if not 200 <= response.status < 300:
                return ToolResult(f"the tool failed with status {response.status}", ok=False)
            if response.content_type not in _TEXTS:
                return ToolResult("the tool answered with something that is no text", ok=False)
            read = await read_up_to(response.content, ANSWER_BYTES + 1)
            if len(read) > ANSWER_BYTES:
                return ToolResult("the tool's answer is too long", ok=False)
            return ToolResult(read.decode("utf-8", "replace"))

    def _opened(self) -> aiohttp.ClientSession:
        if self._http is None:
            hosts = [urlsplit(place.url).hostname or "" for place in self._places.values()]
            resolver = GuardedResolver(Outbound(hosts))
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, limit=64),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._http

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()
