"""Erasures as rows, and what a person left in the other tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, select, union, update

from voiceagent.adapters.store.library import document_of
from voiceagent.adapters.store.scope import Scope, follows, mine, param, placed, restored, upsert
from voiceagent.adapters.store.tables import (
    api_keys,
    collections,
    conversations,
    documents,
    erasures,
    grants,
    identity_links,
    repeats,
    second_factors,
    sessions,
    users,
)
from voiceagent.domain.document import Document
from voiceagent.domain.erasure import Erasure
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import NotFound

NOBODY = "erased"
"""Stands in a list of readers whose only reader was erased."""

_GET = select(erasures).where(mine(erasures, "erasure_id"))
_OF_NAME = select(erasures).where(mine(erasures, "subject_hmac"))
_NEWEST = select(erasures).where(mine(erasures)).order_by(erasures.c.requested_at.desc(), erasures.c.erasure_id.desc())
_PAGE = _NEWEST.limit(param("count"))
_BEFORE = _PAGE.where(follows(erasures.c.requested_at, erasures.c.erasure_id))

_OWNED: dict[str, Table] = {
    "sessions": sessions,
    "grants": grants,
    "second_factors": second_factors,
    "identity_links": identity_links,
    "api_keys": api_keys,
    "repeats": repeats,
    "users": users,
}
_SUBJECTS = union(
    *(select(table.c.user_id).where(mine(table)) for table in (*_OWNED.values(), conversations)),
    select(api_keys.c.key_id).where(mine(api_keys), api_keys.c.user_id == ""),
    select(documents.c.uploaded_by).where(mine(documents)),
)
_CONVERSATIONS = (
    select(conversations.c.conversation_id)
    .where(mine(conversations, "user_id"))
    .order_by(conversations.c.created_at)
    .limit(param("count"))
)
_DOCUMENTS = (
    select(documents).where(mine(documents, "uploaded_by")).order_by(documents.c.created_at).limit(param("count"))
)
_DISOWN = update(documents).where(mine(documents, "uploaded_by")).values(uploaded_by="")
_COLLECTIONS = select(collections).where(mine(collections))
_READERS = update(collections).where(mine(collections, "collection_id"))
_READERS = _READERS.values(reader_ids=param("readers", collections.c.reader_ids))
_FORGET = {name: delete(table).where(mine(table, "user_id")) for name, table in _OWNED.items()}
_FORGET_KEY = delete(api_keys).where(mine(api_keys, "key_id"), api_keys.c.user_id == "")


class SqlErasures:
    """Erasures of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def put(self, erasure: Erasure) -> None:
        row = {
            "erasure_id": erasure.erasure_id,
            "subject_hmac": erasure.subject_hmac,
            "requested_at": erasure.requested_at,
            "body": _body(erasure),
        }
        await self._scope.put(upsert(self._scope.dialect, erasures), row)

    async def get(self, erasure_id: str) -> Erasure:
        row = await self._scope.row(_GET, erasure_id=erasure_id)
        if row is None:
            raise NotFound("erasure_not_found", "there is no such erasure", param="erasure_id")
        return _erasure(row)

    async def of_name(self, name: str) -> Erasure | None:
        row = await self._scope.row(_OF_NAME, subject_hmac=name)
        return None if row is None else _erasure(row)

    async def page(self, *, before: Place | None, limit: int) -> tuple[Erasure, ...]:
        query = _PAGE if before is None else _BEFORE
        rows = await self._scope.rows(query, count=limit, **placed(before))
        return tuple(_erasure(row) for row in rows)


class SqlTraces:
    """What people left, in one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def subjects(self) -> tuple[str, ...]:
        return tuple(sorted(row[0] for row in await self._scope.run(_SUBJECTS) if row[0]))

    async def conversations(self, subject: str, *, limit: int) -> tuple[str, ...]:
        return tuple(row[0] for row in await self._scope.run(_CONVERSATIONS, user_id=subject, count=limit))

    async def documents(self, subject: str, *, limit: int) -> tuple[Document, ...]:
        rows = await self._scope.rows(_DOCUMENTS, uploaded_by=subject, count=limit)
        return tuple(document_of(row) for row in rows)

    async def disown(self, subject: str) -> int:
        count = (await self._scope.run(_DISOWN, uploaded_by=subject)).rowcount
        for row in await self._scope.rows(_COLLECTIONS):
            if subject in row["reader_ids"]:
                readers = sorted(set(row["reader_ids"]) - {subject}) or [NOBODY]
                await self._scope.run(_READERS, collection_id=row["collection_id"], readers=readers)
                count += 1
        return count

    async def forget(self, subject: str) -> dict[str, int]:
        counts = {
            name: (await self._scope.run(statement, user_id=subject)).rowcount for name, statement in _FORGET.items()
        }
        counts["api_keys"] += (await self._scope.run(_FORGET_KEY, key_id=subject)).rowcount
        return counts


def _body(erasure: Erasure) -> dict[str, Any]:
    return {
        "names": list(erasure.names),
        "documents": erasure.documents,
        "state": erasure.state,
        "step": erasure.step,
        "progress": erasure.progress,
        "counts": erasure.counts,
        "finished_at": erasure.finished_at.isoformat() if erasure.finished_at else None,
        "certificate": erasure.certificate,
        "is_replay": erasure.is_replay,
    }


def _erasure(row: dict[str, Any]) -> Erasure:
    body = row["body"]
    finished_at = datetime.fromisoformat(body["finished_at"]) if body.get("finished_at") else None
    return restored(Erasure, {**row, "is_replay": False, **body}, names=tuple(body["names"]), finished_at=finished_at)
