"""A process that works on documents and is killed at a given step: `python -m tests.support.doomed FOLDER ACTION DOCUMENT STEP before|after`.

Killed means SIGKILL: no handler, no clean-up, no closing of files. It ends with 0 when it comes past the step without meeting it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.documents_kit import OWNER, parts_in, pieces

import voiceagent.documents.worker as worker_module
from voiceagent.adapters.store.library import SqlDocuments
from voiceagent.adapters.store.work import SqlJobs
from voiceagent.documents.parts import DocumentParts
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.documents.worker import DocumentWorker

FILE = b"Every employee has thirty days of annual leave. " * 40


def steps(parts: DocumentParts) -> dict[str, tuple[Any, str]]:
    """The calls between which a worker or a service can die, by name."""
    return {
        "sandbox.read": (type(parts.sandbox), "read"),
        "embedder.embed": (type(parts.embedder), "embed"),
        "blobs.put": (type(parts.blobs), "put"),
        "blobs.delete": (type(parts.blobs), "delete"),
        "vectors.put": (type(parts.vectors), "put"),
        "vectors.delete": (type(parts.vectors), "delete"),
        "documents.put": (SqlDocuments, "put"),
        "documents.delete": (SqlDocuments, "delete"),
        "jobs.enqueue": (SqlJobs, "enqueue"),
        "jobs.complete": (SqlJobs, "complete"),
        "bus.publish": (type(parts.bus), "publish"),
    }


def _fatal(call: Callable[..., Any], when: str) -> Callable[..., Any]:
    async def fatal(*arguments: Any, **named: Any) -> Any:
        if when == "after":
            await call(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return fatal


async def main(folder: str, action: str, document_id: str, step: str, when: str) -> None:
    parts = parts_in(Path(folder))
    worker_module.LEASE_S = 0.001  # the next worker need not wait
    service = DocumentService(parts)
    if step != "commit":
        owner, name = steps(parts)[step]
        setattr(owner, name, _fatal(getattr(owner, name), when))
    if action == "work":
        await DocumentWorker(parts, name="worker_doomed").run_one()
    elif action == "delete":
        await service.delete(OWNER, document_id)
    else:
        replaces = document_id if action == "replace" else None
        await service.add(OWNER, Upload("leave.txt", "", pieces(FILE + action.encode()), replaces=replaces))
    if step == "commit":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
