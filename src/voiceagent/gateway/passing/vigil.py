"""Watches over a call that lasts longer than a moment: ends it when its caller leaves, or when the service that answers it hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

from starlette.requests import ClientDisconnect

from voiceagent.kit.calls.balance import Upstream, Upstreams
from voiceagent.kit.calls.upkeep import PROBE_EVERY_S

BEGINS_AFTER_S = 0.05
"""Most calls are over by then, and cost one timer."""


class Vigil:
    """Around all that is done for one call, in one task.

    left: returns when the caller has gone.  A cancelled exchange closes its connection to the service, which stops the service's work.
    `upstream` and `begun` are set by who makes the call: where it is now, and whether its answer has begun.
    """

    def __init__(self, upstreams: Upstreams, left: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._upstreams = upstreams
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._leaving: asyncio.Task[None] | None = None
        self._ended = False
        self._gone = False
        self._hangs = False
        self.upstream: Upstream | None = None
        self.begun = False

    def __enter__(self) -> Vigil:
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task is not None else 0
        self._timer = self._loop.call_later(BEGINS_AFTER_S, self._begin)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended = True
        self._timer.cancel()
        if self._leaving is not None:
            self._leaving.cancel()
        if self._gone and kind is asyncio.CancelledError and self._taken_back():
            raise ClientDisconnect from None

    def hung(self) -> bool:
        """Whether the cancellation that was just caught is this one's, for a service that hangs; it is taken back then."""
        hangs, self._hangs = self._hangs, False
        return hangs and self._taken_back()

    def _taken_back(self) -> bool:
        return self._task is not None and self._task.uncancel() <= self._cancelling

    def _begin(self) -> None:
        self._leaving = self._loop.create_task(self._left(), name="caller_left")
        self._leaving.add_done_callback(self._caller_left)
        self._timer = self._loop.call_later(PROBE_EVERY_S, self._look)

    def _caller_left(self, leaving: asyncio.Future[None]) -> None:
        if not self._ended and not leaving.cancelled() and self._task is not None:
            self._gone = True
            self._task.cancel()

    def _look(self) -> None:
        if self.upstream is not None and not self._hangs and self._upstreams.gives_up(self.upstream, begun=self.begun):
            self._hangs = True
            if self._task is not None:
                self._task.cancel()
        self._timer = self._loop.call_later(PROBE_EVERY_S, self._look)
