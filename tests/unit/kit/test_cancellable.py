"""kit/tasks.py: a cancellation is never lost."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from voiceagent.kit.tasks import answered_within, cancellable


async def _losing(failure: Exception | None = None) -> str:
    """A library that takes the cancellation for something else."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        if failure is not None:
            raise failure from None
    return "too late"


async def test_the_result_is_passed_on() -> None:
    assert await cancellable(asyncio.sleep(0, "done")) == "done"


async def test_a_failure_is_passed_on() -> None:
    with pytest.raises(OSError, match="broken"):
        await cancellable(_raising())


async def _raising() -> None:
    raise OSError("broken")


@pytest.mark.parametrize("failure", [None, OSError("closed")])
async def test_a_cancellation_that_a_library_loses_is_raised(failure: Exception | None) -> None:
    task = asyncio.ensure_future(cancellable(_losing(failure)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_deadline_around_it_is_still_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await cancellable(_losing())


async def test_a_deadline_inside_it_is_no_cancellation() -> None:
    async def with_deadline() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "in time"
        return "never"

    assert await cancellable(with_deadline()) == "in time"


async def test_an_answer_in_time_is_taken_and_a_silence_ends_at_its_deadline() -> None:
    assert await answered_within(asyncio.sleep(0, "answer"), 5.0) == "answer"
    with pytest.raises(TimeoutError):
        await answered_within(asyncio.sleep(60), 0.01)


async def test_a_busy_loop_reads_an_answer_that_came_in_time() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)

    def busy() -> None:
        theirs.send(b"answer\n")
        time.sleep(0.2)

    asyncio.get_running_loop().call_soon(busy)
    assert await answered_within(reader.readline(), 0.1) == b"answer\n"
    writer.close()
    theirs.close()


async def test_a_cancellation_while_it_waits_is_a_cancellation() -> None:
    waiting = asyncio.create_task(answered_within(asyncio.sleep(60), 60))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
