"""CPU work off the event loop: bounded pools of threads. The loop that carries audio never blocks.

The native libraries that we call (CTranslate2, ONNX Runtime, libsndfile, soxr, argon2) release the interpreter lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from voiceagent.kit.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class Offload:
    """A named pool of `threads` workers with at most `queue` calls waiting.

    A cancelled caller stops waiting at once; a call that already runs ends in its thread and its result is dropped.
    """

    def __init__(self, name: str, *, threads: int, queue: int = 64) -> None:
        self._name = name
        self._limit = threads + queue
        self._waiting = 0
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `function(*args, **kwargs)` run in the pool. Raises Unavailable `overloaded` when the queue is full, `closed` after `close`."""
        if self._waiting >= self._limit:
            raise Unavailable("overloaded", f"the {self._name} pool is full", retry_after_s=1.0)
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._pool, lambda: function(*args, **kwargs))
        except RuntimeError as error:  # the pool was shut down
            raise Unavailable("closed", f"the {self._name} pool is closed") from error
        self._waiting += 1
        future.add_done_callback(self._done)
        return await future

    def _done(self, _future: object) -> None:
        self._waiting -= 1

    def close(self) -> None:
        """Refuse further work and drop what waits; running calls end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
