"""Pools of threads: bounded queues, cancelled callers, closed pools."""

from __future__ import annotations

import asyncio
import threading

import pytest

from voiceagent.kit.errors import Unavailable
from voiceagent.kit.offload import Offload


async def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    pool, go = Offload("test", threads=1, queue=1), threading.Event()
    calls = [asyncio.ensure_future(pool.run(go.wait, 60)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refusal:
        await pool.run(go.wait, 60)
    assert refusal.value.code == "overloaded"
    assert refusal.value.retry_after_s
    go.set()
    assert await asyncio.gather(*calls) == [True, True]
    assert await pool.run(lambda: 7) == 7
    pool.close()


async def test_a_cancelled_call_that_waits_never_runs() -> None:
    pool, go, ran = Offload("test", threads=1), threading.Event(), []
    first = asyncio.ensure_future(pool.run(go.wait, 60))
    second = asyncio.ensure_future(pool.run(ran.append, 1))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go.set()
    await first
    assert ran == []
    pool.close()


async def test_a_closed_pool_refuses_with_an_error_of_ours() -> None:
    pool = Offload("test", threads=1, queue=0)
    pool.close()
    for _ in range(3):
        with pytest.raises(Unavailable) as refusal:
            await pool.run(lambda: 1)
        assert refusal.value.code == "closed"
