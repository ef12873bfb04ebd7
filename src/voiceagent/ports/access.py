"""What a tenant keeps to let its people in: sessions, handed-out secrets, own roles, second factors, links to other providers; their repeated calls."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from voiceagent.domain.identity import CustomRole, Grant, SecondFactor, Session
from voiceagent.ports.repeats import Repeats


class Sessions(Protocol):
    """Sign-ins of the tenant's people."""

    async def add(self, session: Session) -> None:
        """Store a new session, and forget those of the same person that ended more than 30 days ago."""
        ...

    async def get(self, session_id: str) -> Session | None:
        """The session, None when there is none."""
        ...

    async def of_user(self, user_id: str) -> tuple[Session, ...]:
        """The sessions of a person that were not ended, newest first, those past their time too."""
        ...

    async def end(self, session_id: str, at: datetime) -> bool:
        """Mark it ended; False when there is none. Idempotent: the first time stays."""
        ...


class Grants(Protocol):
    """Secrets that were handed out."""

    async def add(self, grant: Grant) -> None:
        """Store a new grant, and forget the person's grants that are past their time."""
        ...

    async def use(self, secret_sha256: str, at: datetime) -> bool:
        """Mark it used. Of any number of racers exactly one gets True."""
        ...


class Roles(Protocol):
    """The tenant's own roles."""

    async def all(self) -> tuple[CustomRole, ...]:
        """Every role, by name."""
        ...

    async def put(self, role: CustomRole) -> None:
        """Store or replace by name."""
        ...

    async def delete(self, name: str) -> bool:
        """Remove it; False when there was none."""
        ...


class SecondFactors(Protocol):
    """Authenticator apps of the tenant's people."""

    async def get(self, user_id: str) -> SecondFactor | None:
        """The person's factor, None when there is none."""
        ...

    async def put(self, factor: SecondFactor) -> None:
        """Store or replace the person's factor."""
        ...

    async def step(self, user_id: str, step: int) -> bool:
        """Note that the code of `step` was used; False when it or a later one was before. Of racers exactly one gets True."""
        ...

    async def delete(self, user_id: str) -> bool:
        """Remove it; False when there was none."""
        ...


class Links(Protocol):
    """Which person a subject of another identity provider is."""

    async def user_id(self, external_sha256: str) -> str | None:
        """The person, None when the subject is unknown. external_sha256: digest of issuer and subject."""
        ...

    async def add(self, external_sha256: str, user_id: str, at: datetime) -> None:
        """Link a subject; changes nothing when it is linked already."""
        ...


class Access(Protocol):
    """The repositories above, of one transaction."""

    @property
    def sessions(self) -> Sessions: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def roles(self) -> Roles: ...
    @property
    def second_factors(self) -> SecondFactors: ...
    @property
    def links(self) -> Links: ...
    @property
    def repeats(self) -> Repeats: ...
