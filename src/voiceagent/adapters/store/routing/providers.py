"""Providers of language models and what tenants used of them, as rows."""

from __future__ import annotations

import dataclasses
from functools import cache, cached_property

from sqlalchemy import Executable, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from voiceagent.adapters.store.scope import Scope, mine, param, restored, upsert
from voiceagent.adapters.store.tables import model_usage, providers
from voiceagent.domain.provider import Provider, Used
from voiceagent.kit.errors import NotFound

_GET = select(providers).where(mine(providers, "provider_id"))
_ALL = select(providers).where(mine(providers)).order_by(providers.c.provider_id)
_DELETE = delete(providers).where(mine(providers, "provider_id"))
_SINCE = (
    select(model_usage)
    .where(mine(model_usage), model_usage.c.day >= param("day"))
    .order_by(model_usage.c.day, model_usage.c.provider)
)
_SUMS = ("calls", "prompt_tokens", "completion_tokens", "cost_nanos")
_LISTS = ("roles", "tenants", "agents", "languages")


class SqlProviders:
    """Providers of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, name: str) -> Provider:
        row = await self._scope.row(_GET, provider_id=name)
        if row is None:
            raise NotFound("provider_not_found", "there is no such provider", param="name")
        return _provider(row)

    async def put(self, provider: Provider) -> None:
        body = dataclasses.asdict(provider) | {name: list(getattr(provider, name)) for name in _LISTS}
        for name in ("name", "api_key", "stored"):
            del body[name]
        row = {
            "provider_id": provider.name,
            "body": body,
            "api_key": provider.api_key,
            "updated_at": self._scope.clock.now(),
            "row_key": None,
        }
        await self._scope.put(upsert(self._scope.dialect, providers), row)

    async def all(self) -> tuple[Provider, ...]:
        return tuple(_provider(row) for row in await self._scope.rows(_ALL))

    async def delete(self, name: str) -> bool:
        return await self._scope.changed(_DELETE, provider_id=name)


class SqlUsage:
    """Sums of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, used: Used) -> None:
        row = dataclasses.asdict(used) | {"usage_id": f"{used.day}/{used.provider}"}
        await self._scope.put(_added(self._scope.dialect), row)

    async def since(self, day: str) -> tuple[Used, ...]:
        return tuple(restored(Used, row) for row in await self._scope.rows(_SINCE, day=day))


class SqlRouting:
    """The repositories above, of one transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @cached_property
    def providers(self) -> SqlProviders:
        return SqlProviders(self._scope)

    @cached_property
    def usage(self) -> SqlUsage:
        return SqlUsage(self._scope)


@cache
def _added(dialect: str) -> Executable:
    """Insert, or add the numbers to those of the row that is there: one statement, so that no sum is lost."""
    statement = postgresql.insert(model_usage) if dialect == "postgresql" else sqlite.insert(model_usage)
    return statement.on_conflict_do_update(
        index_elements=list(model_usage.primary_key),
        set_={name: model_usage.c[name] + statement.excluded[name] for name in _SUMS},
    )


def _provider(row: dict[str, object]) -> Provider:
    body = row["body"]
    assert isinstance(body, dict)  # noqa: S101 - the column holds an object, we wrote it
    lists = {name: tuple(body.get(name, ())) for name in _LISTS}
    return restored(Provider, body, name=row["provider_id"], api_key=row["api_key"], stored=True, **lists)
