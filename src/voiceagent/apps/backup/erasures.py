"""Where, after a restore and before anything is served, the erasures that were made after the backup are made again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from voiceagent.apps.custody.rights import replay_after_restore
from voiceagent.apps.settings import Settings
from voiceagent.ports.store import Store

Replay = Callable[[Settings, Store], Awaitable[int]]
"""Erases again what was erased after a backup was made, from what is kept outside the database. How many erasures that were."""

REPLAYS: tuple[Replay, ...] = (replay_after_restore,)
"""Called in this order, with the restored store open and nothing else running."""


async def replayed(settings: Settings, store: Store) -> int:
    """How many erasures were made again."""
    return sum([await replay(settings, store) for replay in REPLAYS])
