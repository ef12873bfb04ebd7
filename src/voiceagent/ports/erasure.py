"""Erasures and traces: what the tables of a tenant know of a person, and how it is removed, in the unit of work."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from voiceagent.domain.document import Document
from voiceagent.domain.erasure import Erasure


class Erasures(Protocol):
    """Erasures of the tenant."""

    async def put(self, erasure: Erasure) -> None:
        """Store or replace by id."""
        ...

    async def get(self, erasure_id: str) -> Erasure:
        """The erasure. Raises NotFound `erasure_not_found`."""
        ...

    async def of_name(self, name: str) -> Erasure | None:
        """The erasure of the subject with this keyed hash, None when there is none."""
        ...

    async def page(self, *, before: datetime | None, limit: int) -> tuple[Erasure, ...]:
        """At most `limit` erasures asked for before `before`, newest first."""
        ...


class Traces(Protocol):
    """What a subject left in the tables. A subject is a person's id, or the id of a key that belongs to nobody."""

    async def subjects(self) -> tuple[str, ...]:
        """Every id under which anything of the tenant stands."""
        ...

    async def conversations(self, subject: str, *, limit: int) -> tuple[str, ...]:
        """The ids of at most `limit` conversations of the subject, oldest first."""
        ...

    async def documents(self, subject: str, *, limit: int) -> tuple[Document, ...]:
        """At most `limit` documents that the subject uploaded, oldest first."""
        ...

    async def disown(self, subject: str) -> int:
        """Forget who uploaded the subject's documents, and strike the subject from lists of readers; how many rows changed.

        Where it was the only reader nobody may read until somebody is named: the place is not opened to all.
        """
        ...

    async def forget(self, subject: str) -> dict[str, int]:
        """Remove the person's own rows: user, sessions, handed-out secrets, second factor, identity links, keys. Counts by table."""
        ...

    async def older(self, *, before: datetime, limit: int) -> tuple[tuple[str, str], ...]:
        """(conversation, its subject) of at most `limit` conversations that nobody has touched since `before`, oldest first."""
        ...
