"""The line between services, against processes that are gone, hang, die in the middle, or are about to stop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict
from tests.support.ports import free_ports

from voiceagent.adapters.services.line import Call, ServiceLine
from voiceagent.domain.identity import Principal
from voiceagent.kit.calls import travel
from voiceagent.kit.calls.balance import Upstreams

CALLER = Principal("ten_a", "usr_a", frozenset({"talk"}), "user")
ONCE = Call("/work", CALLER, b"{}", within_s=120.0)
AGAIN = replace(ONCE, repeatable=True)


@dataclass
class Replica:
    """A service process as its callers see it. cut: connections end without an answer.

    stuck: an answer begins and does not go on.  dead: it gives no sign of life any more.
    """

    url: str = ""
    cut: bool = False
    stuck: bool = False
    slow_s: float = 0.0
    dead: bool = False
    served: list[CIMultiDict[str]] = field(default_factory=list)

    async def live(self, _: web.Request) -> web.Response:
        while self.dead:
            await asyncio.sleep(0.1)
        return web.json_response({"status": "ok"})

    async def work(self, request: web.Request) -> web.StreamResponse:
        self.served.append(request.headers.copy())
        await asyncio.sleep(self.slow_s)
        if self.stuck:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"begun\n")
            await asyncio.sleep(60)
        if self.cut:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"by": self.url})


@asynccontextmanager
async def replica(*, cut: bool = False) -> AsyncIterator[Replica]:
    one = Replica(cut=cut)
    app = web.Application()
    app.router.add_get("/health/live", one.live)
    app.router.add_post("/work", one.work)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


@asynccontextmanager
async def frozen() -> AsyncIterator[str]:
    """The address of a process that takes connections and does nothing, as one that is stopped does."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in held:
            writer.close()
        server.close()


@asynccontextmanager
async def line(*urls: str) -> AsyncIterator[ServiceLine]:
    made = ServiceLine(Upstreams("engine", urls), lambda principal: f"token of {principal.subject}")
    try:
        yield made
    finally:
        await made.close()


async def answered(to: ServiceLine, call: Call) -> str:
    async with to.sent(call) as response:
        return str(json.loads(await response.read())["by"])


def nobody() -> str:
    return f"http://127.0.0.1:{free_ports(1)[0]}"


async def test_a_call_that_was_not_sent_goes_to_another_whatever_it_does() -> None:
    async with replica() as well, line(nobody(), well.url) as to:
        for _ in range(5):
            assert await answered(to, ONCE) == well.url


async def test_a_call_that_was_cut_off_is_made_again_only_where_twice_is_as_once() -> None:
    async with replica(cut=True) as bad, replica() as well, line(bad.url, well.url) as to:
        with pytest.raises((aiohttp.ClientError, OSError)):
            await answered(to, ONCE)
        assert (len(bad.served), len(well.served)) == (1, 0)
        assert await answered(to, AGAIN) == well.url
        assert (len(bad.served), len(well.served)) == (2, 1)


async def test_a_call_to_a_process_that_hangs_goes_on_elsewhere_long_before_its_deadline() -> None:
    async with frozen() as stuck, replica() as well, line(stuck, well.url) as to, asyncio.timeout(60):
        assert await answered(to, AGAIN) == well.url


async def test_a_process_that_hangs_alone_is_waited_for_until_the_deadline() -> None:
    async with frozen() as stuck, line(stuck) as to:
        with pytest.raises(TimeoutError):
            await answered(to, replace(AGAIN, within_s=0.3))


async def test_an_answer_that_stops_because_its_process_hangs_is_given_up_where_others_live() -> None:
    async with replica() as sick, replica() as well, line(sick.url, well.url) as to, asyncio.timeout(60):
        sick.stuck = well.stuck = True
        async with to.sent(AGAIN) as answer:
            assert await answer.line() == b"begun\n"
            answering = sick if sick.served else well
            answering.dead = True
            with pytest.raises(ConnectionResetError):
                await answer.line()


@pytest.mark.parametrize("read", [True, False])
async def test_a_read_that_is_slower_than_nearly_all_is_asked_of_another_address_too(read: bool) -> None:
    call = replace(AGAIN, read=read)
    async with replica() as one, replica() as other, line(one.url, other.url) as to, asyncio.timeout(90):
        for _ in range(25):
            await answered(to, replace(call, read=True))
        one.slow_s = 60.0 if read else 2.0
        one.served.clear()
        other.served.clear()
        by = [await answered(to, call) for _ in range(2)]
        assert len(one.served) == 2
        assert by == [other.url if read else one.url] * 2
        assert len(other.served) == (2 if read else 0)


async def test_a_call_carries_who_calls_under_which_request_and_what_time_is_left() -> None:
    async with replica() as well, line(well.url) as to:

        async def caused() -> None:
            travel.arrived("req_12345678", {travel.LEFT_MS: "60000"})
            await answered(to, ONCE)

        await asyncio.create_task(caused())
        (headers,) = well.served
        assert headers["X-Voiceagent-Service"] == "token of usr_a"
        assert headers[travel.REQUEST_ID] == "req_12345678"
        assert 0 < int(headers[travel.LEFT_MS]) <= 60_000


async def test_a_call_whose_cause_has_no_time_left_is_not_made() -> None:
    async with replica() as well, line(well.url) as to:

        async def caused() -> None:
            travel.arrived("req_12345678", {travel.LEFT_MS: "0"})
            await answered(to, ONCE)

        with pytest.raises(TimeoutError):
            await asyncio.create_task(caused())
        assert well.served == []


async def test_a_closed_line_takes_no_calls_and_may_be_closed_again() -> None:
    async with replica() as well, line(well.url) as to:
        await to.close()
        with pytest.raises(OSError, match="closed"):
            await answered(to, AGAIN)
