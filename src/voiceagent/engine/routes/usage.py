"""/api/v1/usage: what the caller's organisation used of the language models this month, and its budget."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import NANOS, Used
from voiceagent.engine.routing.ledger import BUDGET_SETTING, Ledger, budget_of
from voiceagent.engine.routing.registry import OWNER_TENANT_ID, Registry
from voiceagent.kit.errors import Forbidden, InvalidInput, NotFound
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.deeds import deed

Reader = Annotated[Principal, Depends(require("metrics:read"))]
Writer = Annotated[Principal, Depends(require("settings:write"))]
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


class BudgetSettings(BaseModel):
    """What an organisation may use in a calendar month, UTC. 0: no limit. cost: US dollars by the providers' prices."""

    model_config = ConfigDict(extra="forbid")

    tokens: int = Field(0, ge=0, le=10**15)
    cost: float = Field(0.0, ge=0, le=10**9)


class UsedView(BaseModel):
    """One provider on one day."""

    day: str
    provider: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


class UsageView(BaseModel):
    """since: first day that is told. tokens, cost: all of it. The last second or two may be missing."""

    since: str
    tokens: int
    cost: float
    budget: BudgetSettings
    spent: bool
    rows: list[UsedView]


def usage_routes(registry: Registry, ledger: Ledger | None) -> Router:
    """What was used, and what may be."""
    router = Router(prefix="/api/v1/usage")
    store = registry.store

    @router.get("")
    async def get_usage(caller: Reader, since: str | None = None) -> UsageView:
        month = datetime.now(UTC).strftime("%Y-%m-01")
        if since is not None and not _DAY.fullmatch(since):
            raise InvalidInput("bad_day", "write a day as 2026-11-01", param="since")
        if ledger is not None:
            await ledger.flush()
        async with store.begin(caller.tenant_id, may_lag=True) as work:
            rows = await work.routing.usage.since(min(since or month, month))
            own = await work.settings.get(BUDGET_SETTING)
        default = ledger.default if ledger is not None else budget_of({})
        budget = default if own is None else budget_of(own)
        this_month = Used(month, "")
        for row in rows:
            this_month = this_month.plus(row) if row.day >= month else this_month
        told = [row for row in rows if row.day >= (since or month)]
        return UsageView(
            since=since or month,
            tokens=sum(row.tokens for row in told),
            cost=sum(row.cost_nanos for row in told) / NANOS,
            budget=BudgetSettings(tokens=budget.tokens, cost=budget.cost),
            spent=budget.spent(this_month),
            rows=[_view(row) for row in told],
        )

    @router.put("/budgets/{tenant_id}")
    async def set_budget(
        tenant_id: Annotated[str, Path(max_length=100)], given: BudgetSettings, request: Request, caller: Writer
    ) -> BudgetSettings:
        if caller.tenant_id != OWNER_TENANT_ID:
            raise Forbidden("operators_only", "Budgets are set by the organisation that runs the platform.")
        if not any(tenant.tenant_id == tenant_id for tenant in await store.directory.tenants()):
            raise NotFound("tenant_not_found", "there is no such organisation", param="tenant_id")
        cents = round(given.cost * 100)
        entry = deed(request, "budget_set", tenant_id, tokens=given.tokens, cost_cents=cents)
        if tenant_id != OWNER_TENANT_ID:  # first, as two organisations' logs cannot be written in one transaction
            async with store.begin(OWNER_TENANT_ID) as work:
                await work.audit.append(entry)
        async with store.begin(tenant_id) as work:
            await work.settings.put(BUDGET_SETTING, {"tokens": given.tokens, "cost": given.cost})
            await work.audit.append(entry)
        if ledger is not None:
            ledger.forget(tenant_id)
        return given

    return router


def _view(row: Used) -> UsedView:
    return UsedView(
        day=row.day,
        provider=row.provider,
        calls=row.calls,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cost=row.cost_nanos / NANOS,
    )
