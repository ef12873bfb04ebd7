"""What a worker tells of the queue: how many jobs are open, how those that it took ended. Takes none."""

from __future__ import annotations

import asyncio

from voiceagent.kit.errors import Problem
from voiceagent.kit.telemetry import counter, gauge
from voiceagent.ports.work import Queue

_EVERY_S = 10.0
_open = gauge("voiceagent_documents_open_jobs", "Jobs on documents that wait or run.", ["kind"])
_ended = counter("voiceagent_documents_jobs_total", "Jobs on documents that left this worker.", ["kind", "outcome"])


def ended(kind: str, outcome: str) -> None:
    """outcome: `done`, `waits` for a server that is away, `failed` and is tried again, `given_up`."""
    _ended.labels(kind, outcome).inc()


async def counting(queue: Queue, kinds: tuple[str, ...]) -> None:
    """Tell how many are open, of all organisations and for all workers, until cancelled."""
    while True:
        try:
            depth = await queue.depth()
        except Problem:
            pass  # the last number stands; that the store is away is told elsewhere
        else:
            for kind in kinds:
                _open.labels(kind).set(depth.get(kind, 0))
        await asyncio.sleep(_EVERY_S)
