"""Sessions, handed-out secrets, own roles, second factors and identity links of a tenant as rows."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import delete, func, select, update

from voiceagent.adapters.store.repeats.answers import SqlRepeats
from voiceagent.adapters.store.scope import Scope, insert_new, mine, param, restored, upsert
from voiceagent.adapters.store.tables import grants, identity_links, roles, second_factors, sessions
from voiceagent.domain.identity import CustomRole, Grant, SecondFactor, Session
from voiceagent.kit.errors import Conflict

KEPT_AFTER_END = timedelta(days=30)

_SESSION = select(sessions).where(mine(sessions, "session_id"))
_SESSIONS = (
    select(sessions)
    .where(mine(sessions, "user_id"), sessions.c.ended_at.is_(None))
    .order_by(sessions.c.created_at.desc(), sessions.c.session_id.desc())
)
_END_SESSION = update(sessions).where(mine(sessions, "session_id"))
_END_SESSION = _END_SESSION.values(ended_at=func.coalesce(sessions.c.ended_at, param("at", sessions.c.ended_at)))
_OLD_SESSIONS = delete(sessions).where(
    mine(sessions, "user_id"), sessions.c.expires_at < param("before", sessions.c.expires_at)
)
_USE = update(grants).where(mine(grants, "secret_sha256"), grants.c.used_at.is_(None))
_USE = _USE.values(used_at=param("at", grants.c.used_at))
_OLD_GRANTS = delete(grants).where(mine(grants, "user_id"), grants.c.expires_at < param("before", grants.c.expires_at))
_ROLES = select(roles).where(mine(roles)).order_by(roles.c.name)
_DELETE_ROLE = delete(roles).where(mine(roles, "name"))
_FACTOR = select(second_factors).where(mine(second_factors, "user_id"))
_DELETE_FACTOR = delete(second_factors).where(mine(second_factors, "user_id"))
_STEP = update(second_factors).where(mine(second_factors, "user_id"), second_factors.c.last_step < param("step"))
_STEP = _STEP.values(last_step=param("step", second_factors.c.last_step))
_LINK = select(identity_links.c.user_id).where(mine(identity_links, "external_sha256"))


class SqlSessions:
    """Sessions of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, session: Session) -> None:
        before = session.created_at - KEPT_AFTER_END
        await self._scope.run(_OLD_SESSIONS, user_id=session.user_id, before=before)
        if not await self._scope.put(insert_new(self._scope.dialect, sessions), dataclasses.asdict(session)):
            raise Conflict("session_exists", "a session with this id exists")

    async def get(self, session_id: str) -> Session | None:
        row = await self._scope.row(_SESSION, session_id=session_id)
        return None if row is None else restored(Session, row)

    async def of_user(self, user_id: str) -> tuple[Session, ...]:
        return tuple(restored(Session, row) for row in await self._scope.rows(_SESSIONS, user_id=user_id))

    async def end(self, session_id: str, at: datetime) -> bool:
        return await self._scope.changed(_END_SESSION, session_id=session_id, at=at)


class SqlGrants:
    """Handed-out secrets of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, grant: Grant) -> None:
        await self._scope.run(_OLD_GRANTS, user_id=grant.user_id, before=grant.created_at)
        if not await self._scope.put(insert_new(self._scope.dialect, grants), dataclasses.asdict(grant)):
            raise Conflict("grant_exists", "this secret was handed out before")

    async def use(self, secret_sha256: str, at: datetime) -> bool:
        return await self._scope.changed(_USE, secret_sha256=secret_sha256, at=at)


class SqlRoles:
    """Own roles of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def all(self) -> tuple[CustomRole, ...]:
        return tuple(CustomRole(row["name"], frozenset(row["scopes"])) for row in await self._scope.rows(_ROLES))

    async def put(self, role: CustomRole) -> None:
        row: dict[str, Any] = {"name": role.name, "scopes": sorted(role.scopes)}
        await self._scope.put(upsert(self._scope.dialect, roles), row)

    async def delete(self, name: str) -> bool:
        return await self._scope.changed(_DELETE_ROLE, name=name)


class SqlSecondFactors:
    """Second factors of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, user_id: str) -> SecondFactor | None:
        row = await self._scope.row(_FACTOR, user_id=user_id)
        return None if row is None else restored(SecondFactor, row, recovery_sha256s=tuple(row["recovery_sha256s"]))

    async def put(self, factor: SecondFactor) -> None:
        row = dataclasses.asdict(factor) | {"recovery_sha256s": list(factor.recovery_sha256s)}
        await self._scope.put(upsert(self._scope.dialect, second_factors), row)

    async def step(self, user_id: str, step: int) -> bool:
        return await self._scope.changed(_STEP, user_id=user_id, step=step)

    async def delete(self, user_id: str) -> bool:
        return await self._scope.changed(_DELETE_FACTOR, user_id=user_id)


class SqlLinks:
    """Identity links of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def user_id(self, external_sha256: str) -> str | None:
        row = await self._scope.row(_LINK, external_sha256=external_sha256)
        return None if row is None else str(row["user_id"])

    async def add(self, external_sha256: str, user_id: str, at: datetime) -> None:
        row = {"external_sha256": external_sha256, "user_id": user_id, "created_at": at}
        await self._scope.put(insert_new(self._scope.dialect, identity_links), row)


class SqlAccess:
    """The repositories above, of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @cached_property
    def sessions(self) -> SqlSessions:
        return SqlSessions(self._scope)

    @cached_property
    def grants(self) -> SqlGrants:
        return SqlGrants(self._scope)

    @cached_property
    def roles(self) -> SqlRoles:
        return SqlRoles(self._scope)

    @cached_property
    def second_factors(self) -> SqlSecondFactors:
        return SqlSecondFactors(self._scope)

    @cached_property
    def links(self) -> SqlLinks:
        return SqlLinks(self._scope)

    @cached_property
    def repeats(self) -> SqlRepeats:
        return SqlRepeats(self._scope)
