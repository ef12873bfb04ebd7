"""What tenants use of the providers: counted here, added up in the store every second, held against their budgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from voiceagent.domain.provider import Asker, Budget, Provider, Used
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem, RateLimited
from voiceagent.kit.tasks import TaskScope
from voiceagent.kit.telemetry import counter
from voiceagent.ports.llm import ChatDelta, ChatDone, ChatRequest
from voiceagent.ports.store import Store

_log = structlog.get_logger(__name__)
_tokens = counter("voiceagent_llm_tokens_total", "Tokens of language models.", ("model", "kind"))
_cost = counter(
    "voiceagent_llm_cost_dollars_total", "What language models cost, by their providers' prices.", ("model",)
)
_other_cost = counter(
    "voiceagent_provider_cost_dollars_total", "What speech costs, by its providers' prices.", ("kind", "provider")
)

BUDGET_SETTING = "model_budget"
FLUSH_EVERY_S = 1.0
FRESH_S = 2.0
"""How long sums that were read hold: what another engine counted is seen after this and FLUSH_EVERY_S."""
_READ_S = 0.5
_CHARS_A_TOKEN = 4
_RETRY_S = 3600.0


@dataclass(slots=True)
class _Account:
    """A tenant's month as it was read. since: what this engine counted after that and has not written yet is in `Ledger._pending`."""

    month: str
    budget: Budget
    used: Used
    read_s: float
    reading: bool = False


class Ledger:
    """default: the budget of tenants that have none of their own. Sums survive a crash up to the last second."""

    def __init__(self, store: Store, clock: Clock, default: Budget = Budget()) -> None:  # noqa: B008 - frozen
        self.default = default
        self._store = store
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._pending: dict[tuple[str, str, str], Used] = {}
        self._reads = TaskScope("budgets")

    async def check(self, tenant_id: str) -> None:
        """Raises RateLimited `budget_spent` when the tenant has used up its month. While the store does not answer, nobody is refused
        whose budget was not spent when it last did."""
        if not tenant_id:
            return
        account = self._accounts.get(tenant_id)
        if account is None or account.month != self._month():
            await self._read(tenant_id)
        elif self._clock.monotonic_s() - account.read_s > FRESH_S and not account.reading:
            account.reading = True
            self._reads.start(self._read(tenant_id), name="read")
        account = self._accounts.get(tenant_id)
        if account is not None and account.budget.spent(self._now(tenant_id, account)):
            raise RateLimited(
                "budget_spent", "the organisation has used up its budget for language models", retry_after_s=_RETRY_S
            )

    def _now(self, tenant_id: str, account: _Account) -> Used:
        used = account.used
        for (owner, day, _), more in self._pending.items():
            if owner == tenant_id and day >= account.month:
                used = used.plus(more)
        return used

    async def _read(self, tenant_id: str) -> None:
        month = self._month()
        try:
            async with asyncio.timeout(_READ_S), self._store.begin(tenant_id, read_only=True) as work:
                rows = await work.routing.usage.since(month)
                own = await work.settings.get(BUDGET_SETTING)
        except (Problem, TimeoutError) as error:
            _log.warning("budget_not_read", error=type(error).__name__)
            if (account := self._accounts.get(tenant_id)) is not None:
                account.reading = False
            return
        used = Used(month, "")
        for row in rows:
            used = used.plus(row)
        budget = self.default if own is None else budget_of(own)
        self._accounts[tenant_id] = _Account(month, budget, used, self._clock.monotonic_s())

    async def counted(
        self, stream: AsyncGenerator[ChatDelta, None], request: ChatRequest, provider: Provider, asker: Asker
    ) -> AsyncGenerator[ChatDelta, None]:
        """The stream itself; what it used is noted when it ends, an estimate when it is cut."""
        pieces, usage = 0, None
        try:
            async with aclosing(stream) as deltas:
                async for delta in deltas:
                    pieces += 1
                    if isinstance(delta, ChatDone):
                        usage = delta.usage
                    yield delta
        finally:
            if usage is None and pieces:
                chars = sum(len(message.text) for message in request.messages)
                usage = TokenUsage(chars // _CHARS_A_TOKEN, pieces)
            if usage is not None:
                self.note(asker.tenant_id, provider, usage)

    def note(self, tenant_id: str, provider: Provider, usage: TokenUsage) -> None:
        """Count one answer."""
        cost_nanos = provider.cost_nanos(usage)
        _tokens.labels(provider.name, "prompt").inc(usage.prompt_tokens)
        _tokens.labels(provider.name, "completion").inc(usage.completion_tokens)
        _cost.labels(provider.name).inc(cost_nanos / 1e9)
        if not tenant_id:
            return
        day = self._clock.now().strftime("%Y-%m-%d")
        self._add(tenant_id, Used(day, provider.name, 1, usage.prompt_tokens, usage.completion_tokens, cost_nanos))

    def note_cost(self, tenant_id: str, provider: Provider, cost_nanos: int) -> None:
        """Count one call of a provider of speech; it counts against the same budget."""
        _other_cost.labels(provider.kind, provider.name).inc(cost_nanos / 1e9)
        if tenant_id:
            self._add(tenant_id, Used(self._clock.now().strftime("%Y-%m-%d"), provider.name, 1, cost_nanos=cost_nanos))

    def _add(self, tenant_id: str, used: Used) -> None:
        key = (tenant_id, used.day, used.provider)
        self._pending[key] = self._pending[key].plus(used) if key in self._pending else used

    async def flush(self) -> None:
        """Add what was counted to the store's sums. What cannot be written is kept for the next time."""
        for key in list(self._pending):
            used = self._pending.pop(key)
            account = self._accounts.get(key[0])
            try:
                async with self._store.begin(key[0]) as work:
                    await work.routing.usage.add(used)
            except Problem as problem:
                _log.warning("usage_not_written", code=problem.code)
                self._pending[key] = self._pending[key].plus(used) if key in self._pending else used
                return
            if account is not None and account is self._accounts.get(key[0]) and key[1] >= account.month:
                account.used = account.used.plus(used)

    def forget(self, tenant_id: str) -> None:
        """Read the tenant's budget anew at the next call."""
        self._accounts.pop(tenant_id, None)

    async def run(self) -> None:
        """Write every second until cancelled, and a last time then."""
        try:
            while True:
                await asyncio.sleep(FLUSH_EVERY_S)
                await self.flush()
        finally:
            await self._reads.close()
            await self.flush()

    def _month(self) -> str:
        return self._clock.now().strftime("%Y-%m-01")


def budget_of(value: dict[str, object]) -> Budget:
    """The budget as it is stored."""
    tokens, cost = value.get("tokens", 0), value.get("cost", 0.0)
    return Budget(tokens if isinstance(tokens, int) else 0, float(cost) if isinstance(cost, int | float) else 0.0)
