"""The process that writes while the power goes: prints each acknowledgement. Takes store URL, objects URL, first number, and `careless`.

careless: the control, which acknowledges before anything is synced. It must lose data, or the drill finds nothing.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sqlalchemy import event

from bench.durability.history import write
from voiceagent.adapters.store import sqlite
from voiceagent.adapters.store.postgresql import Postgresql


def careless() -> None:
    """Take away what makes commits durable."""
    listen = sqlite.event.listen

    def also(target: object, name: str, function: object, **options: object) -> None:
        listen(target, name, function, **options)
        if name == "connect":
            event.listen(target, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))

    sqlite.event = type("Event", (), {"listen": staticmethod(also)})()

    async def unchecked(self: Postgresql) -> None:
        """The server says that it may lose commits; the control wants just that."""

    Postgresql.prepare = unchecked


if __name__ == "__main__":
    url, blobs_url, first, mode = sys.argv[1:5]
    if mode == "careless":
        careless()
    asyncio.run(write(url, blobs_url, int(first)))
