"""Planted values again and again through the doors that are refused fastest, until the log has as many lines as are wanted. Plants nothing new."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from bench.security.planted_doors import Doors
from bench.security.planted_values import Planted, Value

AT_ONCE = 16
_BLOCK_BYTES = 4 * 1024 * 1024
_REFUSALS = 2_000
_LOOK_S = 1.0


class Log:
    """The log file of the platform, as far as it has been written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self.lines = 0

    def count(self) -> int:
        """The lines that are there by now."""
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            while block := file.read(_BLOCK_BYTES):
                self._read_bytes += len(block)
                self.lines += block.count(b"\n")
        return self.lines


class Load:
    """Calls with values that were planted before. left_s: for which it may go on in all.  refused: answers of 4xx and 5xx.

    leaked: values that stood in one.
    """

    def __init__(self, doors: Doors, planted: Planted, log: Log, *, left_s: float) -> None:
        self._doors, self._planted, self._log = doors, planted, log
        self.left_s = left_s
        self._told: list[str] = []
        self._turns = itertools.count()
        self.calls = self.refused = self.unanswered = 0
        self.leaked: set[Value] = set()

    async def until(self, lines: int, share_s: float) -> None:
        """Until the log has so many lines, or share_s or all of the time is over."""
        began_s = time.monotonic()
        ends_at_s = began_s + min(self.left_s, share_s)
        over = asyncio.Event()
        callers = [asyncio.ensure_future(self._calling(over)) for _ in range(AT_ONCE)]
        while time.monotonic() < ends_at_s and await asyncio.to_thread(self._log.count) < lines:
            await asyncio.sleep(_LOOK_S)
        over.set()
        await asyncio.gather(*callers)
        await self._looked()
        self.left_s -= time.monotonic() - began_s

    async def _calling(self, over: asyncio.Event) -> None:
        while not over.is_set():
            turn = next(self._turns)
            values = self._planted.values
            one, other = values[turn % len(values)].text, values[(turn * 7 + 3) % len(values)].text
            method, path, more = _WAYS[turn % len(_WAYS)](one, other)
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                self.calls += 1
                await self._call(method, path, more)
                continue
            self.unanswered += 1

    async def _call(self, method: str, path: str, more: dict[str, Any]) -> None:
        async with self._doors.client.request(method, path, **more) as answer:
            text = await answer.text(errors="replace")
            if answer.status >= 400:
                self.refused += 1
                self._told.append(f"{dict(answer.headers)} {text}")
        if len(self._told) >= _REFUSALS:
            await self._looked()

    async def _looked(self) -> None:
        told, self._told = self._told, []
        self.leaked.update(await asyncio.to_thread(self._planted.found, "\n".join(told)))


def _visible(text: str) -> str:
    return "".join(one if " " <= one <= "~" else "?" for one in text)


_WAYS = (
    lambda one, other: ("GET", f"/api/v1/conversations/{one.replace('/', '_')}", {"params": {"q": other}}),
    lambda one, other: ("GET", "/api/v1/documents/none", {"headers": {"User-Agent": _visible(one)}}),
    lambda one, other: ("POST", "/v1/chat/completions", {"json": {"model": one, "messages": other}}),
    lambda one, other: ("POST", "/api/v1/ask", {"data": f'{{"question": "{one} {other}'}),
    lambda one, other: ("GET", "/api/v1/me", {"headers": {"Authorization": f"Bearer {_visible(one)}"}}),
    lambda one, other: ("DELETE", f"/api/v1/agents/{one.replace('/', '_')}", {"headers": {"X-Request-Id": _visible(other)}}),
    lambda one, other: ("POST", "/api/v1/search", {"json": {"query": one, "limit": other}}),
    lambda one, other: ("PUT", f"/api/v1/{one.replace('/', '_')}", {"json": {one: other}}),
)  # fmt: skip
"""Each is a refusal at another depth: gateway, engine, documents; path, query, header, body."""


def blocks(path: Path) -> Iterator[str]:
    """A file in pieces that end with a line."""
    with path.open(errors="replace") as file:
        while lines := file.readlines(_BLOCK_BYTES):
            yield "".join(lines)


def scanned(planted: Planted, texts: Iterable[str]) -> tuple[int, int, int, dict[Value, str]]:
    """Characters, lines and raw tracebacks of a long text, and each planted value that stands in it, with its surroundings the first time."""
    characters = lines = tracebacks = 0
    found: dict[Value, str] = {}
    for text in texts:
        characters += len(text)
        lines += text.count("\n")
        tracebacks += text.count("Traceback (most recent call last)")
        for one in planted.found(text):
            if one not in found:
                found[one] = planted.context(text, one)
    return characters, lines, tracebacks, found
