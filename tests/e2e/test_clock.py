"""Clocks that jump by an hour and back, of all processes and of one alone: nothing dies, errors are defined, and all is well again at once."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from tests.e2e.test_distributed import calling, chat, installation
from tests.support.apart import SCRIPTED, Apart
from tests.support.servers import minio_url, postgresql_url, redis_url

__all__ = ["minio_url", "postgresql_url", "redis_url"]

pytestmark = pytest.mark.timeout(300)

SERVICES = ("gateway", "engine", "voice", "documents", "worker")
HOUR_S = 3600
LOOKED_AT_S = 1
"""So often a process looks where its clock stands."""
WELL_AGAIN_S = 10.0
DEFINED = {200, 202, 503, 504}
"""What a caller may be told while services disagree about the time: never that its key is bad."""


@dataclass
class Clocks(Apart):
    """An installation whose processes take the time of day from files; durations stay true."""

    library: Path = Path()

    def environment(self, name: str, service: str = "", port: int = 0) -> dict[str, str]:
        clock = self.folder / f"clock-{service}"
        if not service:
            return super().environment(name, service, port)
        if not clock.exists():
            clock.write_text("+0")
        faked = {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": str(LOOKED_AT_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }
        return super().environment(name, service, port) | faked

    async def jump(self, seconds: int, *services: str) -> None:
        """From now on these services' clocks are so far ahead of the machine's. Returns when they have noticed."""
        for service in services:
            clock = self.folder / f"clock-{service}"
            fresh = clock.with_suffix(".new")
            fresh.write_text(f"{seconds:+d}")
            fresh.replace(clock)
        await asyncio.sleep(LOOKED_AT_S + 0.3)

    def dead(self) -> list[str]:
        return [name for name, one in self.running.items() if one.process is None or one.process.poll() is not None]


@pytest.fixture(scope="module")
def clocks(
    postgresql_url: str, redis_url: str, minio_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clocks]:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("missing: libfaketime")
    made = installation(tmp_path_factory.mktemp("clocks"), (postgresql_url, redis_url, minio_url), "clocks")
    mine = Clocks(made.folder, made.settings, SCRIPTED, library=library)
    mine.init()
    mine.start(*SERVICES)
    yield mine
    mine.close()


class Caller:
    """One call that stays open over all jumps. turns: how many were answered."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.turns = 0

    async def says(self, word: str) -> str:
        """The status of the answer."""
        content = [{"type": "input_text", "text": word}]
        item = {"type": "message", "role": "user", "content": content}
        await self._socket.send_json({"type": "conversation.item.create", "item": item})
        await self._socket.send_json({"type": "response.create", "response": {"output_modalities": ["text"]}})
        async with asyncio.timeout(WELL_AGAIN_S):
            async for message in self._socket:
                assert message.type is aiohttp.WSMsgType.TEXT, message
                event = json.loads(message.data)
                if event["type"] == "response.done":
                    self.turns += 1
                    return str(event["response"]["status"])
        raise AssertionError(f"closed with {self._socket.close_code}")


async def test_all_clocks_jump_ahead_and_back_under_an_open_call(clocks: Clocks) -> None:
    async with calling(clocks) as client, client.ws_connect("/v1/realtime?model=voiceagent") as socket:
        caller = Caller(socket)
        assert await caller.says("before") == "completed"
        for step, offset_s in enumerate((HOUR_S, 0, -HOUR_S, 0)):
            await clocks.jump(offset_s, *SERVICES)
            await _comes(client, [200, 200, 503 if offset_s else 202, 200], f"step {step}: {offset_s:+d} s")
            assert await caller.says("still here?") == "completed", offset_s
            assert clocks.dead() == []
    assert caller.turns == 5


@pytest.mark.parametrize("service", ["gateway", "engine", "voice", "documents"])
async def test_one_clock_off_gives_defined_errors_and_no_more_after_it(clocks: Clocks, service: str) -> None:
    async with calling(clocks) as client:
        for offset_s in (HOUR_S, -HOUR_S):
            await clocks.jump(offset_s, service)
            for told in await _tried(client):
                assert told in DEFINED, offset_s
            assert clocks.dead() == []
            await clocks.jump(0, service)
            await _comes(client, [200, 200, 202, 200], f"{service} {offset_s:+d} s")


async def _comes(client: aiohttp.ClientSession, wanted: list[int], where: str) -> None:
    ends_at_s = time.monotonic() + WELL_AGAIN_S
    while (told := await _tried(client)) != wanted:
        assert time.monotonic() < ends_at_s, (where, told)
        await asyncio.sleep(0.2)


async def _tried(client: aiohttp.ClientSession) -> list[int]:
    """What a reply, a list, an upload and a search are answered with."""
    form = aiohttp.FormData()
    form.add_field("file", f"The time is {os.urandom(8).hex()}.".encode(), filename="time.txt")
    told = []
    for method, path, options in (
        ("POST", "/v1/chat/completions", {"json": chat("Hello")}),
        ("GET", "/api/v1/conversations", {}),
        ("POST", "/api/v1/documents", {"data": form}),
        ("POST", "/api/v1/search", {"json": {"query": "the time"}}),
    ):
        async with client.request(method, path, **options) as answer:  # type: ignore[arg-type]
            told.append(answer.status)
            if answer.status >= 400:
                assert "code" in await answer.text()
    return told
