"""Owned tasks: a scope starts them, names them, reports their failures, and ends them all within a bound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

import structlog

_log = structlog.get_logger(__name__)

T = TypeVar("T")

LATE_S = 0.01
READING_S = 0.02
MOMENTS = 5


async def cancellable(awaitable: Awaitable[T]) -> T:
    """The result of `awaitable`; a cancellation that arrives meanwhile is raised even when a library loses it.

    `asyncio.wait_for` of Python 3.11 returns a result that comes at the same moment as the cancellation, and drops the latter.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        result = await awaitable
    except Exception as failure:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError from failure
        raise
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return result


async def answered_within(awaitable: Awaitable[T], within_s: float) -> T:
    """The result of `awaitable`. Raises TimeoutError after `within_s`; on a late loop some moments later, so that an answer that lies there is read.

    A loop that others kept busy sees its own deadline before the bytes that came in time: that is its fault, not the answerer's.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as bound:

        def look(due_s: float, moments: int) -> None:
            if loop.time() - due_s > LATE_S and moments:
                looks.append(loop.call_later(READING_S, look, loop.time() + READING_S, moments - 1))
            else:
                bound.reschedule(loop.time())

        looks = deque((loop.call_later(within_s, look, loop.time() + within_s, MOMENTS),), maxlen=1)
        try:
            return await cancellable(awaitable)
        finally:
            looks[0].cancel()


class TaskScope:
    """Tasks that live no longer than their owner.

    A failed task is logged by name and type (never with its data) and told to `on_failure`; it does not end its siblings.
    """

    def __init__(self, name: str, on_failure: Callable[[str, BaseException], None] | None = None) -> None:
        self._name = name
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def start(self, coroutine: Coroutine[Any, Any, Any], *, name: str, apart: bool = False) -> asyncio.Task[Any]:
        """Run `coroutine` as a task of this scope. Raises RuntimeError once the scope is closed.

        apart: it knows nothing of the request that happens to start it, whose id would stand in all that it ever logs.
        """
        if self._closed:
            coroutine.close()
            raise RuntimeError(f"task scope {self._name} is closed")
        task = asyncio.create_task(coroutine, name=f"{self._name}.{name}", context=Context() if apart else None)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def __len__(self) -> int:
        return len(self._tasks)

    async def close(self, *, within_s: float = 5.0) -> None:
        """Cancel every task and wait at most `within_s` seconds for them to end. Idempotent."""
        self._closed = True
        current = asyncio.current_task()
        pending = {task for task in self._tasks if task is not current}
        for task in pending:
            task.cancel()
        if not pending:
            return
        _, stuck = await asyncio.wait(pending, timeout=within_s)
        for task in stuck:
            _log.error("task_stuck", scope=self._name, task=task.get_name(), within_s=within_s)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        failure = task.exception()
        if failure is None:
            return
        _log.error("task_failed", scope=self._name, task=task.get_name(), error=type(failure).__name__)
        if self._on_failure is not None:
            self._on_failure(task.get_name(), failure)
