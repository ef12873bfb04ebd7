"""Puts the keys of a tenant's rows under the tenant's newest key, some rows a transaction, so that an older one can be destroyed.

And keeps what is stored only where it is sealed: the words that pseudonyms stand for.
"""

from __future__ import annotations

from sqlalchemy import Table, bindparam, func, select, update

from voiceagent.adapters.store.scope import Scope, mine, param, upsert
from voiceagent.adapters.store.sealing.rows import ROW_KEY, SEALED, id_of
from voiceagent.adapters.store.tables import turn_originals, turns

_OF_CONVERSATION = select(turn_originals).where(
    mine(turn_originals),
    turn_originals.c.turn_id.in_(select(turns.c.turn_id).where(mine(turns, "conversation_id"))),
)


class SqlSeals:
    """Row keys of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def rewrap(self, *, old_key_id: str, limit: int, after: str = "") -> tuple[int, str]:
        name, _, row_id = after.partition("/")
        names = [table.name for table in SEALED]
        for table in list(SEALED)[names.index(name) if name in names else 0 :]:
            done, last = await self._rewrapped(table, old_key_id, limit, row_id if table.name == name else "")
            if done:
                return done, f"{table.name}/{last}"
        return 0, after

    async def keep_originals(self, turn_id: str, originals: tuple[tuple[str, str], ...]) -> bool:
        if self._scope.seal is None:
            return False
        row = {"turn_id": turn_id, "originals": [list(pair) for pair in originals]}
        await self._scope.put(upsert(self._scope.dialect, turn_originals), row)
        return True

    async def originals(self, conversation_id: str) -> dict[str, str]:
        rows = await self._scope.rows(_OF_CONVERSATION, conversation_id=conversation_id)
        return {name: original for row in rows for name, original in row["originals"]}

    async def _rewrapped(self, table: Table, old_key_id: str, limit: int, after: str) -> tuple[int, str]:
        """How many of the rows whose ids come after this one, and the last of them: no row is looked at twice on the way."""
        seal = self._scope.seal
        if seal is None:
            return 0, after
        name = id_of(table)
        under_old = func.substr(table.c[ROW_KEY], 1, len(old_key_id) + 1) == param("prefix")
        found = select(table.c[name], table.c[ROW_KEY]).where(mine(table), table.c[name] > param("after"), under_old)
        found = found.order_by(table.c[name]).limit(param("count"))
        rows = await self._scope.rows(found, prefix=f"{old_key_id}.", after=after, count=limit)
        values = [{"id": row[name], "before": row[ROW_KEY], "after": await seal.rewrapped(table, row)} for row in rows]
        if values:
            # Only where nobody stored the row anew meanwhile: that one is under the newest key already.
            same = (table.c[name] == bindparam("p_id"), table.c[ROW_KEY] == bindparam("p_before"))
            await self._scope.run_many(
                update(table).where(mine(table), *same).values({ROW_KEY: bindparam("p_after")}), values
            )
        return len(values), values[-1]["id"] if values else after
