"""The contract of ports.discovery.Discovery on every adapter of the table. Titles are sentences of the port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.ports import free_ports
from tests.support.servers import redis_server

from voiceagent.adapters.discovery.redis import RedisDiscovery, open_discovery
from voiceagent.apps.build import ADAPTERS, opened
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.ports.discovery import Discovery

KNOWN = {"engine": ("http://localhost:8000", "http://127.0.0.1:8001"), "voice": ("http://127.0.0.1:9000",)}
BY_THEMSELVES = ("redis",)
"""Adapters whose services enter themselves; elsewhere `announce` and `withdraw` have nothing to do."""


@dataclass
class Case:
    discovery: Discovery
    scheme: str


def test_every_adapter_of_the_table_is_under_this_contract() -> None:
    plain = {scheme for scheme in ADAPTERS["discovery"] if not scheme.startswith("rediss")}  # rediss is redis over TLS
    assert plain == {"static", "dns", "redis", "redis+sentinel", "redis+cluster"}


@pytest.fixture(params=["static", "dns", "redis", "sentinel", "cluster"])
async def case(request: pytest.FixtureRequest, patient: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    monkeypatch.setitem(open_discovery.__kwdefaults__, "good_s", 600.0)  # nobody renews them here
    by_themselves = request.param not in ("static", "dns")
    url = request.getfixturevalue(f"{request.param}_url") if by_themselves else f"{request.param}://"
    scheme = "redis" if by_themselves else request.param
    discovery = await opened("discovery", url, known=KNOWN)
    if scheme == "redis":
        for service, urls in KNOWN.items():
            for one in urls:
                await discovery.announce(service, one)
    yield Case(discovery, scheme)
    if scheme == "redis":
        for service, urls in KNOWN.items():
            for one in urls:
                await discovery.withdraw(service, one)
    await discovery.close()


async def test_addresses_are_the_urls_at_which_the_service_runs_sorted(case: Case) -> None:
    found = await case.discovery.addresses("engine")
    assert list(found) == sorted(found)
    assert "http://127.0.0.1:8001" in found
    assert len(found) >= 2
    assert await case.discovery.addresses("voice") == ("http://127.0.0.1:9000",)


async def test_a_service_that_is_nowhere_has_no_addresses(case: Case) -> None:
    assert await case.discovery.addresses("nobody") == ()


async def test_to_announce_and_to_withdraw_are_idempotent(case: Case) -> None:
    for _ in range(2):
        await case.discovery.announce("voice", "http://127.0.0.1:9001")
    expected = {"http://127.0.0.1:9000"} | ({"http://127.0.0.1:9001"} if case.scheme in BY_THEMSELVES else set())
    assert set(await case.discovery.addresses("voice")) == expected
    for _ in range(2):
        await case.discovery.withdraw("voice", "http://127.0.0.1:9001")
    assert set(await case.discovery.addresses("voice")) == {"http://127.0.0.1:9000"}


async def test_close_is_idempotent(case: Case) -> None:
    await case.discovery.close()
    await case.discovery.close()


async def test_an_entry_that_is_not_renewed_ends_by_itself(redis_url: str, patient: None) -> None:
    short, lasting = (open_discovery(redis_url, good_s=good_s) for good_s in (1.0, 600.0))
    async with asyncio.timeout(60):
        while await short.addresses("ending") != (
            "http://a:1",
            "http://b:1",
        ):  # a busy machine may be slower than it lasts
            await short.announce("ending", "http://a:1")
            await lasting.announce("ending", "http://b:1")
        while await lasting.addresses("ending") != ("http://b:1",):
            await asyncio.sleep(0.05)
    for one in (short, lasting):
        await one.close()


@pytest.mark.parametrize("how", ["refused", "frozen"])
async def test_a_register_that_does_not_answer_is_unavailable_within_a_second(how: str) -> None:
    if how == "refused":
        (port,) = free_ports(1)
        await _is_unavailable(open_discovery(f"redis://127.0.0.1:{port}/0"))
        return
    with redis_server() as (url, process):
        discovery = open_discovery(url)
        async with asyncio.timeout(60):
            while not await _answers(discovery):
                await asyncio.sleep(0.05)
        process.send_signal(19)
        await _is_unavailable(discovery)
        process.send_signal(18)
        async with asyncio.timeout(60):
            while not await _answers(discovery):
                await asyncio.sleep(0.05)
        await discovery.close()


async def _is_unavailable(discovery: RedisDiscovery) -> None:
    calls: tuple[tuple[Any, ...], ...] = (
        ("addresses", "engine"),
        ("announce", "engine", "x"),
        ("withdraw", "engine", "x"),
    )
    for name, *arguments in calls:
        began_s = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await getattr(discovery, name)(*arguments)
        assert caught.value.code == "discovery_unavailable"
        assert (
            time.monotonic() - began_s < 20.0
        )  # 0.8 s by the contract, for ever without; the rest is a busy machine's


async def _answers(discovery: RedisDiscovery) -> bool:
    try:
        await discovery.addresses("engine")
    except Unavailable:
        return False
    return True


async def test_a_name_that_is_not_found_is_unavailable() -> None:
    discovery = await opened("discovery", "dns://", known={"engine": ("http://no-such-host.invalid:8000",)})
    with pytest.raises(Unavailable) as caught:
        await discovery.addresses("engine")
    assert caught.value.code == "discovery_unavailable"


async def test_a_url_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(Misconfigured) as caught:
        open_discovery("redis://host:notaport/0")
    assert caught.value.code == "discovery_url"
