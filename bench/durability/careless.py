"""The command line with a planted fault: writes are acknowledged first and committed a moment later. The control of kill.py, of use for nothing else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sqlalchemy.ext.asyncio import AsyncConnection

from voiceagent.adapters.store.database import READING, Database, Mode
from voiceagent.apps import cli

LATER_S = 0.2
_careful = Database.transaction
_pending: set[asyncio.Task[None]] = set()


@asynccontextmanager
async def _careless(self: Database, marks: Mapping[str, str], mode: Mode = "write") -> AsyncIterator[AsyncConnection]:
    """As Database.transaction, but whoever leaves the block is told that it is stored before it is."""
    careful = _careful(self, marks, mode)
    connection = await careful.__aenter__()
    try:
        yield connection
    except BaseException as error:
        if not await careful.__aexit__(type(error), error, error.__traceback__):
            raise
        return
    if mode in READING:
        await careful.__aexit__(None, None, None)
        return
    task = asyncio.create_task(_later(careful))
    _pending.add(task)
    task.add_done_callback(_pending.discard)


async def _later(careful: AbstractAsyncContextManager[AsyncConnection]) -> None:
    await asyncio.sleep(LATER_S)
    await careful.__aexit__(None, None, None)


if __name__ == "__main__":
    Database.transaction = _careless  # type: ignore[method-assign]
    cli.main()
