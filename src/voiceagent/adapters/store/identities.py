"""Users, API keys and settings of a tenant as rows, and the directory that finds keys and users before the tenant is known."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Executable, case, delete, func, select, update

from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.scope import Scope, insert_new, mine, param, restored, upsert
from voiceagent.adapters.store.sealing.rows import ROW_KEY, RowSeal, blind, no_keys
from voiceagent.adapters.store.tables import api_keys, grants, settings, tenants, users
from voiceagent.domain.identity import ApiKey, Grant, Tenant, User, email_key
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Conflict, NotFound, Problem
from voiceagent.ports.keys import Keys

_log = structlog.get_logger(__name__)

_ALL_KEYS = select(api_keys).where(mine(api_keys)).order_by(api_keys.c.created_at.desc(), api_keys.c.key_id.desc())
_KEY_EXISTS = select(api_keys.c.key_id).where(mine(api_keys, "key_id"))
_REVOKE = update(api_keys).where(mine(api_keys, "key_id"))
_REVOKE = _REVOKE.values(revoked_at=func.coalesce(api_keys.c.revoked_at, param("at", api_keys.c.revoked_at)))
_EXPIRE = update(api_keys).where(mine(api_keys, "key_id"))
_EXPIRE = _EXPIRE.values(
    expires_at=case(
        (api_keys.c.expires_at < param("at", api_keys.c.expires_at), api_keys.c.expires_at),
        else_=param("at", api_keys.c.expires_at),
    )
)
_GET_USER = select(users).where(mine(users, "user_id"))
_ALL_USERS = select(users).where(mine(users))
_TAKEN = select(users.c.user_id).where(
    mine(users), users.c.email_key.in_(param("email_keys", expanding=True)), users.c.user_id != param("user_id")
)
_KEY_BY_SHA256 = select(api_keys).where(api_keys.c.secret_sha256 == param("secret_sha256"))
_USER_BY_EMAIL = select(users).where(users.c.email_key == param("email_key"))
_GRANT_BY_SHA256 = select(grants).where(grants.c.secret_sha256 == param("secret_sha256"))
_TENANTS = select(tenants).order_by(tenants.c.created_at, tenants.c.tenant_id)
_USED = (
    update(api_keys)
    .where(api_keys.c.key_id == param("used_key_id"))
    .values(last_used_at=param("at", api_keys.c.last_used_at))
)
_GET_SETTING = select(settings).where(mine(settings, "name"))
_ALL_SETTINGS = select(settings).where(mine(settings)).order_by(settings.c.name)
_DELETE_SETTING = delete(settings).where(mine(settings, "name"))

USE_NOTED_EVERY_S = 60.0


class SqlKeys:
    """API keys of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, key: ApiKey) -> None:
        row = dataclasses.asdict(key) | {"scopes": sorted(key.scopes)}
        if not await self._scope.put(insert_new(self._scope.dialect, api_keys), row):
            raise Conflict("key_exists", "a key with this id or secret exists")

    async def all(self) -> tuple[ApiKey, ...]:
        return tuple(_key(row) for row in await self._scope.rows(_ALL_KEYS))

    async def revoke(self, key_id: str, at: datetime) -> bool:
        return await self._scope.changed(_REVOKE, key_id=key_id, at=at)

    async def expire(self, key_id: str, at: datetime) -> bool:
        return await self._scope.changed(_EXPIRE, key_id=key_id, at=at)


class SqlUsers:
    """Users of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, user: User) -> None:
        if await self._is_taken(user) or not await self._scope.put(
            insert_new(self._scope.dialect, users), self._row(user)
        ):
            raise _user_exists()

    async def get(self, user_id: str) -> User:
        row = await self._scope.row(_GET_USER, user_id=user_id)
        if row is None:
            raise NotFound("user_not_found", "there is no such user", param="user_id")
        return restored(User, row)

    async def put(self, user: User) -> None:
        await self.get(user.user_id)
        if await self._is_taken(user):
            raise _user_exists()
        await self._scope.put(upsert(self._scope.dialect, users), self._row(user))

    async def all(self) -> tuple[User, ...]:
        found = [restored(User, row) for row in await self._scope.rows(_ALL_USERS)]
        return tuple(sorted(found, key=lambda user: email_key(user.email)))

    async def _is_taken(self, user: User) -> bool:
        """Whether another has the e-mail, stored as it is now or from before there were keys."""
        keys = [str(self._row(user)["email_key"]), email_key(user.email)]
        return (await self._scope.run(_TAKEN, user_id=user.user_id, email_keys=keys)).first() is not None

    def _row(self, user: User) -> dict[str, object]:
        key, seal = email_key(user.email), self._scope.seal
        return dataclasses.asdict(user) | {"email_key": key if seal is None else seal.blind(key)}


class SqlSettings:
    """Settings of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, name: str) -> dict[str, object] | None:
        row = await self._scope.row(_GET_SETTING, name=name)
        return None if row is None else dict(row["value"])

    async def put(self, name: str, value: dict[str, object]) -> None:
        statement = upsert(self._scope.dialect, settings)
        await self._scope.put(statement, {"name": name, "value": value, "updated_at": self._scope.clock.now()})

    async def all(self) -> dict[str, dict[str, object]]:
        return {row["name"]: dict(row["value"]) for row in await self._scope.rows(_ALL_SETTINGS)}

    async def delete(self, name: str) -> bool:
        return await self._scope.changed(_DELETE_SETTING, name=name)


class SqlDirectory:
    """Looks up by what the caller proves to hold: row security shows it the one row with that digest or e-mail, and no other."""

    def __init__(self, database: Database, clock: Clock, keys: Keys | None = None) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._noted: dict[str, datetime] = {}

    async def key_by_sha256(self, secret_sha256: str) -> ApiKey | None:
        row = await self._found(_KEY_BY_SHA256, "secret_sha256", secret_sha256)
        return None if row is None else _key(row)

    async def user_by_email(self, email: str) -> User | None:
        wanted = email_key(email)
        row = None
        if self._keys is not None:
            row = await self._found(_USER_BY_EMAIL, "email_key", blind(self._keys, wanted))
        row = row or await self._found(_USER_BY_EMAIL, "email_key", wanted)  # from before there were keys
        return None if row is None else restored(User, row)

    async def grant_by_sha256(self, secret_sha256: str) -> Grant | None:
        row = await self._found(_GRANT_BY_SHA256, "secret_sha256", secret_sha256)
        return None if row is None else restored(Grant, row)

    async def tenants(self) -> tuple[Tenant, ...]:
        async with self._database.transaction({}, "read") as connection:
            rows = await Scope(connection, "", self._clock).rows(_TENANTS)
        return tuple(restored(Tenant, row) for row in rows)

    async def add_tenant(self, tenant: Tenant) -> None:
        async with self._database.transaction({}) as connection:
            scope = Scope(connection, tenant.tenant_id, self._clock)
            if not await scope.put(insert_new(scope.dialect, tenants), dataclasses.asdict(tenant)):
                raise Conflict("tenant_exists", "a tenant with this id exists", param="tenant_id")

    async def key_used(self, key_id: str, at: datetime) -> None:
        noted = self._noted.get(key_id)
        if noted is not None and (at - noted).total_seconds() < USE_NOTED_EVERY_S:
            return
        self._noted[key_id] = at
        try:
            async with self._database.transaction({"directory": key_id}) as connection:
                await Scope(connection, "", self._clock).run(_USED, used_key_id=key_id, at=at)
        except Problem as problem:
            _log.warning("key_use_not_noted", key_id=key_id, code=problem.code)

    async def _found(self, statement: Executable, name: str, value: str) -> dict[str, Any] | None:
        async with self._database.transaction({"directory": value}, "read") as connection:
            row = (await Scope(connection, "", self._clock).run(statement, **{name: value})).first()
        if row is None:
            return None
        told = row._asdict()
        if told.get(ROW_KEY) is None:
            return told
        if self._keys is None:
            raise no_keys()
        return await RowSeal(self._keys, told["tenant_id"]).opened(told)


def _user_exists() -> Conflict:
    return Conflict("user_exists", "a user with this e-mail exists", param="email")


def _key(row: dict[str, Any]) -> ApiKey:
    return restored(ApiKey, row, scopes=frozenset(row["scopes"]))
