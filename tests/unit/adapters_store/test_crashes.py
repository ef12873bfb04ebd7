"""The store under kill -9 and under cancellation: what was acknowledged is there, and no connection comes back dirty."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.servers import fresh_database

from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/voiceagent.db"
    return fresh_database(request.getfixturevalue("postgresql_url"), new_id("crash"))


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    opened = open_store(url)
    await opened.migrate()
    yield opened
    await opened.close()


_WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from voiceagent.adapters.store import postgresql
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.conversation import Turn
postgresql.CONNECT_S = postgresql.COMMAND_S = postgresql.POOL_WAIT_S = 60.0
async def main():
    store = open_store(sys.argv[1])
    async def write(writer):
        for number in range(200):
            turn_id = f"turn_{writer}_{number}"
            async with store.begin("ten_a") as unit:
                turn = Turn(turn_id, "conv_1", "asked", "x" * 500, "heard", "answered", datetime.now(UTC))
                await unit.conversations.put_turn(turn)
            print(turn_id, flush=True)
    await asyncio.gather(*(write(writer) for writer in range(4)))
asyncio.run(main())
"""


async def test_every_turn_acknowledged_before_a_kill_is_there(url: str, store: SqlStore) -> None:
    async with store.begin("ten_a") as unit:
        await unit.conversations.add(Conversation("conv_1", "default", "u", "voice", NOW, NOW))
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().strip() for _ in range(200)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
    writer.wait()
    assert len(acknowledged) >= 200
    async with store.begin("ten_a") as unit:
        stored = [turn.turn_id for turn in await unit.conversations.turns("conv_1", last=10_000)]
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored)) <= len(acknowledged) + 4, "at most one unacknowledged turn a writer"


async def test_a_storm_of_cancellations_leaves_no_half_and_no_foreign_row(store: SqlStore) -> None:
    """Clients of several tenants, each call cancelled at a random step: pairs are whole, every tenant sees its own rows only."""
    chance = random.Random(11)
    tenants = [f"ten_{number}" for number in range(5)]
    for tenant in tenants:
        async with store.begin(tenant) as unit:
            await unit.conversations.add(Conversation("conv_1", "default", tenant, "voice", NOW, NOW))
    acknowledged: dict[str, set[str]] = {tenant: set() for tenant in tenants}

    async def pair(tenant: str, name: str) -> None:
        async with store.begin(tenant) as unit:
            for half in ("a", "b"):
                turn = Turn(f"{name}{half}", "conv_1", tenant, "", "", "asked", NOW)
                await unit.conversations.put_turn(turn)
        acknowledged[tenant].add(name)

    async def read(tenant: str) -> None:
        async with store.begin(tenant, read_only=True) as unit:
            assert (await unit.conversations.get("conv_1")).user_id == tenant
            assert {turn.asked for turn in await unit.conversations.turns("conv_1", last=1000)} <= {tenant}

    async def client(number: int) -> None:
        for step in range(12):
            tenant = chance.choice(tenants)
            call = read(tenant) if chance.random() < 0.4 else pair(tenant, f"t{number}_{step}_")
            task = asyncio.ensure_future(call)
            if chance.random() < 0.6:
                await asyncio.wait({task}, timeout=chance.random() * 0.02)
                task.cancel()
            try:
                await task
            except (asyncio.CancelledError, Unavailable):
                continue

    await asyncio.gather(*(client(number) for number in range(12)))
    for tenant in tenants:
        async with store.begin(tenant) as unit:
            names = [turn.turn_id for turn in await unit.conversations.turns("conv_1", last=10_000)]
        halves = {name[:-1] for name in names}
        assert len(names) == 2 * len(halves), "both halves or none"
        assert acknowledged[tenant] <= halves


async def test_a_cancelled_transaction_gives_its_place_back(store: SqlStore) -> None:
    for _ in range(15):  # more than the pool holds
        entered = asyncio.Event()

        async def hold(entered: asyncio.Event = entered) -> None:
            async with store.begin("ten_a") as unit:
                await unit.settings.put("x", {})
                entered.set()
                await asyncio.sleep(3600)

        task = asyncio.ensure_future(hold())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with store.begin("ten_a") as unit:
        assert await unit.settings.get("x") is None
        await unit.settings.put("x", {"after": True})


async def test_a_reader_does_not_wait_for_a_writer(store: SqlStore) -> None:
    async with store.begin("ten_a") as writer:
        await writer.settings.put("x", {"new": True})
        async with asyncio.timeout(60), store.begin("ten_a", read_only=True) as reader:
            assert await reader.settings.get("x") is None
    async with store.begin("ten_a", read_only=True) as reader:
        assert await reader.settings.get("x") == {"new": True}
