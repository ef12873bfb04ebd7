"""Composition root of the worker: reads uploaded documents in a process of its own; run as many as there are cores to spare."""

from __future__ import annotations

from collections.abc import Sequence

from voiceagent.apps import documents
from voiceagent.apps.parts import Parts
from voiceagent.apps.run import Process
from voiceagent.web.serve import Listener


async def _compose(parts: Parts) -> Sequence[Listener]:
    documents.start_worker(parts)
    return ()


PROCESS = Process("worker", documents.PORTS, _compose)
