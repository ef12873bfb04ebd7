"""Clocks that jump by an hour and back, of all processes and of one alone: nothing dies, errors are defined, and all is well again at once."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from tests.e2e.test_distributed import calling, chat, installation, serves, turn, until
from tests.support.apart import SCRIPTED, Apart
from tests.support.gateway_rig import problem_of
from tests.support.servers import minio_url, postgresql_url, redis_url

__all__ = ["minio_url", "postgresql_url", "redis_url"]

pytestmark = pytest.mark.timeout(600)

SERVICES = ("gateway", "engine", "voice", "documents", "worker")
HOUR_S = 3600
LOOKED_AT_S = 1
"""So many whole seconds may pass before a process looks where its clock stands."""
WELL_AGAIN_S = 120.0
DEFINED = {200, 202, "service_unavailable", "blobs_clock"}
"""What a caller may be told while services disagree about the time: never that its key is bad."""
Told = list[int | str]
"""The status of each answer, of an error its code."""


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
        async with aiohttp.ClientSession() as client:
            for service in services:
                await until(partial(self._shows, client, service, seconds), within_s=WELL_AGAIN_S)

    async def _shows(self, client: aiohttp.ClientSession, service: str, ahead_s: int) -> bool:
        async with client.get(f"{self.running[service].url}/health/live") as answer:
            shown_s = parsedate_to_datetime(answer.headers["date"]).timestamp()
        return abs(shown_s - time.time() - ahead_s) < HOUR_S / 2

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


async def test_all_clocks_jump_ahead_and_back_under_an_open_call(clocks: Clocks) -> None:
    await until(lambda: serves(clocks, "gateway"), within_s=WELL_AGAIN_S)
    async with calling(clocks) as client, client.ws_connect("/v1/realtime?model=voiceagent") as socket:
        await turn(socket, "before")
        for step, offset_s in enumerate((HOUR_S, 0, -HOUR_S, 0)):
            await clocks.jump(offset_s, *SERVICES)
            await _comes(client, [200, 200, "blobs_clock" if offset_s else 202, 200], f"step {step}: {offset_s:+d} s")
            await turn(socket, f"still here at step {step}?")
            assert clocks.dead() == []


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


async def _comes(client: aiohttp.ClientSession, wanted: Told, where: str) -> None:
    ends_at_s = time.monotonic() + WELL_AGAIN_S
    while (told := await _tried(client)) != wanted:
        assert time.monotonic() < ends_at_s, (where, told)
        await asyncio.sleep(0.2)


async def _tried(client: aiohttp.ClientSession) -> Told:
    """What a reply, a list, an upload and a search are answered with."""
    form = aiohttp.FormData()
    form.add_field("file", f"The time is {os.urandom(8).hex()}.".encode(), filename="time.txt")
    told: Told = []
    for method, path, options in (
        ("POST", "/v1/chat/completions", {"json": chat("Hello")}),
        ("GET", "/api/v1/conversations", {}),
        ("POST", "/api/v1/documents", {"data": form}),
        ("POST", "/api/v1/search", {"json": {"query": "the time"}}),
    ):
        async with client.request(method, path, **options) as answer:  # type: ignore[arg-type]
            told.append(answer.status if answer.status < 400 else (await problem_of(answer))[1])
    return told
