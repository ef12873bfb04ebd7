"""What has become old in the tables of a tenant."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from voiceagent.adapters.store.scope import Scope, mine, param
from voiceagent.adapters.store.tables import conversations, documents

_CONVERSATIONS = (
    select(conversations.c.conversation_id, conversations.c.user_id)
    .where(mine(conversations), conversations.c.updated_at < param("before", conversations.c.updated_at))
    .order_by(conversations.c.updated_at, conversations.c.conversation_id)
)
_DOCUMENTS = (
    select(documents.c.document_id, documents.c.uploaded_by)
    .where(mine(documents), documents.c.updated_at < param("before", documents.c.updated_at))
    .order_by(documents.c.updated_at, documents.c.document_id)
)
_COUNTS = {
    "conversations": select(func.count()).select_from(conversations).where(mine(conversations)),
    "documents": select(func.count()).select_from(documents).where(mine(documents)),
}


class SqlAges:
    """Ages of rows, in one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def conversations(self, *, before: datetime) -> tuple[tuple[str, str], ...]:
        rows = await self._scope.run(_CONVERSATIONS, before=before)
        return tuple((row_id, subject) for row_id, subject in map(tuple, rows))

    async def documents(self, *, before: datetime) -> tuple[tuple[str, str], ...]:
        rows = await self._scope.run(_DOCUMENTS, before=before)
        return tuple((row_id, subject) for row_id, subject in map(tuple, rows))

    async def counts(self) -> dict[str, int]:
        return {name: int((await self._scope.run(statement)).scalar_one()) for name, statement in _COUNTS.items()}
