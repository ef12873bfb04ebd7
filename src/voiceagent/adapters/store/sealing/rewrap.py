"""Puts the keys of a tenant's rows under the tenant's newest key, some rows a transaction, so that an older one can be destroyed."""

from __future__ import annotations

from sqlalchemy import Table, bindparam, func, select, update

from voiceagent.adapters.store.scope import Scope, mine, param
from voiceagent.adapters.store.sealing.rows import ROW_KEY, SEALED, id_of


class SqlSeals:
    """Row keys of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def rewrap(self, *, old_key_id: str, limit: int) -> int:
        for table in SEALED:
            done = await self._rewrapped(table, old_key_id, limit)
            if done:
                return done
        return 0

    async def _rewrapped(self, table: Table, old_key_id: str, limit: int) -> int:
        seal = self._scope.seal
        if seal is None:
            return 0
        name = id_of(table)
        under_old = func.substr(table.c[ROW_KEY], 1, len(old_key_id) + 1) == param("prefix")
        found = select(table.c[name], table.c[ROW_KEY]).where(mine(table), under_old).limit(param("count"))
        rows = await self._scope.rows(found, prefix=f"{old_key_id}.", count=limit)
        values = [{"id": row[name], "before": row[ROW_KEY], "after": await seal.rewrapped(table, row)} for row in rows]
        if values:
            # Only where nobody stored the row anew meanwhile: that one is under the newest key already.
            same = (table.c[name] == bindparam("p_id"), table.c[ROW_KEY] == bindparam("p_before"))
            await self._scope.run_many(
                update(table).where(mine(table), *same).values({ROW_KEY: bindparam("p_after")}), values
            )
        return len(values)
