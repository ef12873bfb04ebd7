"""Keys of repeated calls and the answers that are given again, sealed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, select, update

from voiceagent.adapters.store.scope import Scope, insert_new, mine, param, restored
from voiceagent.adapters.store.tables import repeats
from voiceagent.ports.repeats import Attempt, Kept, Standing

_ROW = select(repeats).where(mine(repeats, "repeat_id"))
_HELD = (mine(repeats, "repeat_id", "holder"), repeats.c.answered.is_(False))
_RENEW = update(repeats).where(*_HELD).values(held_until=param("until", repeats.c.held_until))
_RELEASE = delete(repeats).where(*_HELD)
_OVERDUE = delete(repeats).where(
    mine(repeats, "repeat_id"),
    repeats.c.answered.is_(False),
    repeats.c.held_until <= param("now", repeats.c.held_until),
)
_EXPIRED = delete(repeats).where(mine(repeats), repeats.c.expires_at <= param("now", repeats.c.expires_at))


class SqlRepeats:
    """Repeated calls of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def claim(self, attempt: Attempt, *, until: datetime) -> Standing:
        now = self._scope.clock.now()
        await self._scope.run(_EXPIRED, now=now)
        await self._scope.run(_OVERDUE, repeat_id=attempt.repeat_id, now=now)
        if await self._scope.put(insert_new(self._scope.dialect, repeats), _row(attempt, until, None)):
            return Standing(True)
        row = await self._scope.row(_ROW, repeat_id=attempt.repeat_id)
        answer = None if row is None else row["answer"]
        return Standing(False, None if answer is None else restored(Kept, answer))

    async def renew(self, attempt: Attempt, *, until: datetime) -> bool:
        return await self._scope.changed(_RENEW, repeat_id=attempt.repeat_id, holder=attempt.holder, until=until)

    async def keep(self, attempt: Attempt, kept: Kept) -> bool:
        if not await self._scope.changed(_RELEASE, repeat_id=attempt.repeat_id, holder=attempt.holder):
            return False
        row = _row(attempt, attempt.expires_at, kept)
        return await self._scope.put(insert_new(self._scope.dialect, repeats), row)

    async def release(self, attempt: Attempt) -> None:
        await self._scope.run(_RELEASE, repeat_id=attempt.repeat_id, holder=attempt.holder)


def _row(attempt: Attempt, until: datetime, kept: Kept | None) -> dict[str, object]:
    answer = None if kept is None else asdict(kept)
    return asdict(attempt) | {"held_until": until, "answered": kept is not None, "answer": answer, "row_key": None}
