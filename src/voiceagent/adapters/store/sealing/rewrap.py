"""Puts the keys of a tenant's rows under the tenant's newest key, some rows a transaction, so that an older one can be destroyed.

And keeps what is stored only where it is sealed: the words that pseudonyms stand for.
"""

from __future__ import annotations

from sqlalchemy import Table, bindparam, select, update

from voiceagent.adapters.store.scope import Scope, mine, param, upsert
from voiceagent.adapters.store.sealing.rows import ROW_KEY, SEALED, RowSeal, id_of
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
        seal = self._scope.seal
        if seal is None:
            return 0, ""
        for table in list(SEALED)[names.index(name) if name in names else 0 :]:
            done, last = await self._rewrapped(seal, table, old_key_id, limit, row_id if table.name == name else "")
            if last:
                return done, f"{table.name}/{last}"
        return 0, ""

    async def keep_originals(self, turn_id: str, originals: tuple[tuple[str, str], ...]) -> bool:
        if self._scope.seal is None:
            return False
        row = {"turn_id": turn_id, "originals": [list(pair) for pair in originals]}
        await self._scope.put(upsert(self._scope.dialect, turn_originals), row)
        return True

    async def originals(self, conversation_id: str) -> dict[str, str]:
        rows = await self._scope.rows(_OF_CONVERSATION, conversation_id=conversation_id)
        return {name: original for row in rows for name, original in row["originals"]}

    async def _rewrapped(self, seal: RowSeal, table: Table, old_key_id: str, limit: int, after: str) -> tuple[int, str]:
        """How many of the rows whose ids come after this one, and the last of the rows; "" when there is none.

        The rows are taken by their ids alone: looking for those under the old key reads the whole table when few are left.
        """
        name = id_of(table)
        following = select(table.c[name], table.c[ROW_KEY]).where(mine(table), table.c[name] > param("after"))
        rows = await self._scope.rows(following.order_by(table.c[name]).limit(param("count")), after=after, count=limit)
        old = [row for row in rows if (row[ROW_KEY] or "").startswith(f"{old_key_id}.")]
        values = [{"id": row[name], "before": row[ROW_KEY], "after": await seal.rewrapped(table, row)} for row in old]
        if values:
            # Only where nobody stored the row anew meanwhile: that one is under the newest key already.
            same = (table.c[name] == bindparam("p_id"), table.c[ROW_KEY] == bindparam("p_before"))
            await self._scope.run_many(
                update(table).where(mine(table), *same).values({ROW_KEY: bindparam("p_after")}), values
            )
        return len(values), rows[-1][name] if rows else ""
