"""Erasures and traces: what the tables of a tenant know of a person, and how it is removed, in the unit of work."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from voiceagent.domain.document import Document
from voiceagent.domain.erasure import Erasure, SubjectNames
from voiceagent.domain.identity import Principal
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import Forbidden


async def refuse_erased(erasures: Erasures, names: SubjectNames, principal: Principal) -> None:
    """Raises Forbidden `subject_erased` when the caller was erased: what they were about to leave would stay."""
    if await erasures.of_name(names.of(principal.tenant_id, principal.subject)) is not None:
        raise Forbidden("subject_erased", "this person or key was erased")


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

    async def page(self, *, before: Place | None, limit: int) -> tuple[Erasure, ...]:
        """At most `limit` erasures, by when they were asked for, newest first; those that follow on `before`."""
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


class Ages(Protocol):
    """What has become old in the tables."""

    async def conversations(self, *, before: datetime) -> tuple[tuple[str, str], ...]:
        """(conversation, its subject) of every conversation that nobody has touched since `before`, oldest first."""
        ...

    async def documents(self, *, before: datetime) -> tuple[tuple[str, str], ...]:
        """(document, its uploader) of every document that was last changed before `before`, oldest first."""
        ...

    async def counts(self) -> dict[str, int]:
        """How many `conversations` and `documents` there are."""
        ...
