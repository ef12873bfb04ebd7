"""The process that writes while the power goes: prints each acknowledgement. Takes store URL, objects URL, first number, and `careless`.

careless: the control, which acknowledges before anything is synced. It must lose data, or the drill finds nothing.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.durability.history import write
from voiceagent.adapters.store import sqlite_thread
from voiceagent.adapters.store.postgresql import Postgresql


def careless() -> None:
    """Take away what makes commits durable."""
    said = "synchronous=FULL"
    if said not in sqlite_thread._PRAGMAS:
        raise RuntimeError("SQLite's connections no longer say how they sync here: the control would be no control")
    sqlite_thread._PRAGMAS = tuple("synchronous=OFF" if one == said else one for one in sqlite_thread._PRAGMAS)

    async def unchecked(self: Postgresql) -> None:
        """The server says that it may lose commits; the control wants just that."""

    Postgresql.prepare = unchecked


if __name__ == "__main__":
    url, blobs_url, first, mode = sys.argv[1:5]
    if mode == "careless":
        careless()
    asyncio.run(write(url, blobs_url, int(first)))
