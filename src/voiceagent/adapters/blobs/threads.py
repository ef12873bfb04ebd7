"""Blocking calls in threads that a cancellation waits for, so that what they hold can be cleaned up safely."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from voiceagent.kit.offload import Offload

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A pool whose calls always end before `run` does."""

    def __init__(self, name: str, threads: int) -> None:
        self._offload = Offload(name, threads=threads, queue=1_000)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `function`; when cancelled, waits until the call has ended and then passes the cancellation on."""
        task = asyncio.ensure_future(self._offload.run(function, *args, **kwargs))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            raise

    def close(self) -> None:
        self._offload.close()
