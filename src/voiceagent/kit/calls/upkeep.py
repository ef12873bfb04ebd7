"""Keeps what is known of a service's addresses fresh: finds them again, and asks each whether its process lives."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import structlog

from voiceagent.kit.calls.balance import Upstream, Upstreams
from voiceagent.kit.errors import Problem
from voiceagent.kit.telemetry import gauge

FIND_EVERY_S = 1.0
PROBE_EVERY_S = 0.25
PROBE_WITHIN_S = 0.5
LATE_S = 0.1
RETIRING = "retiring"

Find = Callable[[str], Awaitable[tuple[str, ...]]]
"""The addresses of a service, by its name."""

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_answering = gauge(
    "voiceagent_upstream_answering_ratio", "Addresses of a service that answer, of those known.", ["upstream"]
)


async def probe(upstreams: Upstreams, client: aiohttp.ClientSession) -> None:
    """Ask every address all the time whether its process lives, so that calls to a hung one are refused at once. Runs until cancelled."""
    while True:
        await asyncio.gather(*(_probe_one(upstreams.service, client, one) for one in upstreams.all))
        _answering.labels(upstreams.service).set(sum(one.answers for one in upstreams.all) / max(1, len(upstreams.all)))
        await asyncio.sleep(PROBE_EVERY_S)


async def follow(upstreams: Upstreams, find: Find) -> None:
    """Find the addresses anew all the time. Runs until cancelled.

    When they cannot be found, or none is, the last known ones stay: who keeps the list may be down while the services are not.
    """
    while True:
        await refresh(upstreams, find)
        await asyncio.sleep(FIND_EVERY_S)


async def refresh(upstreams: Upstreams, find: Find) -> None:
    """Find the addresses once."""
    try:
        urls = await find(upstreams.service)
    except Problem as problem:
        _log.warning("addresses_not_found", upstream=upstreams.service, code=problem.code)
        return
    known = {one.url for one in upstreams.all}
    if urls and set(urls) != known:
        upstreams.move_to(urls)
        new, gone = sorted(set(urls) - known), sorted(known - set(urls))
        _log.info("addresses_changed", upstream=upstreams.service, count=len(urls), new=new, gone=gone)


async def while_alive(upstreams: Upstreams, upstream: Upstream, call: Awaitable[T], *, begun: bool = False) -> T:
    """The result of `call` to `upstream`. Raises ConnectionResetError when that goes silent, or gives no answer while another address does.

    begun: the answer has begun, and `call` reads on; one that may only be busy is given more time then.
    A process that hangs keeps its connections: without this a call to it would wait until its own deadline. The call runs in the
    task that waits for it, so that who is cancelled closes the connection himself, also when the answer begins in that moment.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as hung:

            def look() -> None:
                if upstreams.gives_up(upstream, begun=begun):
                    hung.reschedule(loop.time())
                else:
                    looks.append(loop.call_later(PROBE_EVERY_S, look))

            looks = deque((loop.call_later(PROBE_EVERY_S, look),), maxlen=1)
            try:
                return await call
            finally:
                looks[0].cancel()
    except TimeoutError as error:
        if hung.expired():
            raise ConnectionResetError("the process gives no sign of life") from error
        raise


async def _probe_one(service: str, client: aiohttp.ClientSession, upstream: Upstream) -> None:
    answered, asked_s = upstream.answers, time.monotonic()
    try:
        within = aiohttp.ClientTimeout(total=PROBE_WITHIN_S)
        async with client.get(f"{upstream.url}/health/live", timeout=within) as answer:
            well = answer.status == 200
            upstream.retiring = well and _retires(await answer.read())
    except TimeoutError:
        if time.monotonic() - asked_s > PROBE_WITHIN_S + LATE_S:
            return  # this process was too busy to look at its clock, and so to read an answer
        well = False
    except (aiohttp.ClientError, OSError):
        well = False
    upstream.missed_probes = 0 if well else upstream.missed_probes + 1
    upstream.heard = upstream.heard or well
    if upstream.answers != answered:
        _log.warning("upstream_changed", upstream=service, url=upstream.url, answers=upstream.answers)


def _retires(body: bytes) -> bool:
    try:
        told = json.loads(body)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("status") == RETIRING
