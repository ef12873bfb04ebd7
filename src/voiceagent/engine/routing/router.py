"""Which model answers: roles, rules and names to providers, fall-back before the first token, one deadline for all tries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace

import structlog

from voiceagent.domain.provider import DEFAULT_ROLE, Asker, Provider, serves
from voiceagent.domain.routing.choice import Policy, ranked
from voiceagent.engine.routing.choice import able, patience_s
from voiceagent.engine.routing.ledger import Ledger
from voiceagent.engine.routing.slot import OpenModel, Slot
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import DeadlineExceeded, Misconfigured, NotFound, Problem, RateLimited, Unavailable
from voiceagent.kit.telemetry import counter, histogram
from voiceagent.ports.llm import ChatDelta, ChatRequest, LanguageModel

_log = structlog.get_logger(__name__)
_calls = counter("voiceagent_llm_calls_total", "Calls of a language model by how they began.", ("model", "outcome"))
_first = histogram("voiceagent_llm_first_token_seconds", "Time to the first token of a language model.", ("model",))

ANYBODY = Asker()
_NEXT = (Unavailable, RateLimited, Misconfigured)
"""After these another provider is asked; any other problem lies in the request."""


class Started:
    """An answer whose first piece has come. model: who answers."""

    def __init__(self, model: str, first: ChatDelta, rest: AsyncIterator[ChatDelta]) -> None:
        self.model = model
        self._first = first
        self._rest = rest

    async def deltas(self) -> AsyncGenerator[ChatDelta, None]:
        """All pieces, the first included. Close it to stop the model."""
        try:
            yield self._first
            async for delta in self._rest:
                yield delta
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop the model. Idempotent."""
        await _close(self._rest)


class Router:
    """models: by name, each a provider without rules, in the order in which they are tried.  roles: what they are asked for.

    The role `chat` is the default; without `roles` every model stands in it. `put` and `remove` change the providers at any time.
    """

    def __init__(
        self,
        models: Mapping[str, LanguageModel] | None = None,
        *,
        roles: Mapping[str, tuple[str, ...]] | None = None,
        clock: Clock | None = None,
        policy: Policy = "priority",
        ledger: Ledger | None = None,
    ) -> None:
        self.ledger = ledger
        self.slots: dict[str, Slot] = {}
        self._policy: Policy = policy
        self._clock = clock or SystemClock()
        models, roles = models or {}, roles or {DEFAULT_ROLE: tuple(models or {})}
        for role, names in roles.items():
            if models and (not names or any(name not in models for name in names)):
                raise Misconfigured("llm_roles", f"the role {role} names a model that is not configured")
        for position, (name, model) in enumerate(models.items()):
            own = tuple(role for role, names in roles.items() if name in names)
            self.put(Provider(name, "", own, priority=position, patience_s=0.0), model)

    def put(self, provider: Provider, model: LanguageModel, reopen: OpenModel | None = None) -> Slot | None:
        """Add a provider, or replace the one of that name, which is returned: retire it. reopen: opens the model again after it was unloaded."""
        before = self.slots.get(provider.name)
        self.slots[provider.name] = Slot(provider, model, self._clock, reopen)
        return before

    def check(self, provider: Provider, model: LanguageModel) -> None:
        """Any language model may stand beside the others."""

    def remove(self, name: str) -> Slot | None:
        """Ask this provider no more; retire what is returned."""
        return self.slots.pop(name, None)

    def names(self, asker: Asker = ANYBODY) -> tuple[str, ...]:
        """Every name that `resolve` knows for this asker: roles, then models. `chat` comes first."""
        serving = [slot.provider for slot in self.slots.values() if slot.provider.enabled]
        serving = [provider for provider in serving if serves(provider, asker)]
        roles = [role for provider in serving for role in provider.roles]
        default = [DEFAULT_ROLE] if DEFAULT_ROLE in roles else []
        return tuple(dict.fromkeys((*default, *roles, *(provider.name for provider in serving))))

    def resolve(self, name: str, asker: Asker = ANYBODY) -> tuple[str, ...]:
        """The models behind a role or name, best first; "" is the default role. Raises NotFound `model_not_found`."""
        name = name or DEFAULT_ROLE
        serving = [slot for slot in self.slots.values() if slot.provider.enabled and serves(slot.provider, asker)]
        found = [slot for slot in serving if name in slot.provider.roles] or [
            slot for slot in serving if slot.provider.name == name
        ]
        if not found:
            raise NotFound("model_not_found", "there is no model of that name", param="model")
        return tuple(one.provider.name for one in ranked([slot.standing() for slot in found], self._policy))

    def first(self, name: str, asker: Asker = ANYBODY) -> LanguageModel:
        """The model that would be tried first now. Raises NotFound `model_not_found`."""
        slots = [self.slots[one] for one in self.resolve(name, asker)]
        return next((slot for slot in slots if slot.allows()), slots[0])

    async def start(self, name: str, request: ChatRequest, asker: Asker = ANYBODY) -> Started:
        """The answer of the first model that brings a first piece within its share of the deadline.

        Raises NotFound `model_not_found`, RateLimited `budget_spent`, or what the last model that was tried raised.
        """
        by_s = self._clock.monotonic_s() + request.deadline_s
        slots = self._candidates(name, request, asker)
        if self.ledger is not None:
            await self.ledger.check(asker.tenant_id)
        refusal: Problem = Unavailable("llm_unavailable", "no model answers at the moment", retry_after_s=1.0)
        for position, slot in enumerate(slots):
            left_s = by_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise DeadlineExceeded("llm_deadline", "no model answered in time")
            if not slot.allows():
                continue
            others = any(other.allows() for other in slots[position + 1 :])
            patient_s = patience_s(slot.standing(), request.deadline_s, trial=slot.state == "half_open")
            share_s = min(left_s, patient_s) if others else left_s
            try:
                return await self._try(slot, replace(request, deadline_s=share_s), asker)
            except _NEXT as problem:
                refusal = problem
                _log.warning("llm_try_failed", model=slot.provider.name, code=problem.code, another=others)
        raise refusal

    def _candidates(self, name: str, request: ChatRequest, asker: Asker) -> list[Slot]:
        """Those who can do it; when nobody can, all: the first of them says what is wrong."""
        slots = [self.slots[one] for one in self.resolve(name, asker)]
        return [slot for slot in slots if able(slot.capabilities, request)] or slots

    async def _try(self, slot: Slot, request: ChatRequest, asker: Asker) -> Started:
        model = slot.provider.name
        begun_s = self._clock.monotonic_s()
        slot.begun()
        stream = slot.stream(request)
        if self.ledger is not None:
            stream = self.ledger.counted(stream, request, slot.provider, asker)
        try:
            async with asyncio.timeout(request.deadline_s + _GRACE_S):
                first = await anext(stream, None)
            if first is None:
                raise Unavailable("llm_unavailable", "the model ended without an answer")
        except (*_NEXT, TimeoutError) as error:
            late = DeadlineExceeded("llm_deadline", "the model did not answer in time")
            problem = late if isinstance(error, TimeoutError) else error
            slot.failed(problem)
            _calls.labels(model, problem.code).inc()
            await _close(stream)
            raise problem from (error if problem is late else error.__cause__)
        except (Problem, asyncio.CancelledError):
            slot.abandoned()
            await _close(stream)
            raise
        slot.answered(self._clock.monotonic_s() - begun_s)
        _calls.labels(model, "answered").inc()
        _first.labels(model).observe(self._clock.monotonic_s() - begun_s)
        return Started(model, first, stream)

    async def health(self) -> dict[str, bool]:
        """Each model and whether it would answer now."""
        slots = list(self.slots.values())
        answers = await asyncio.gather(*(slot.ready() for slot in slots))
        return {slot.provider.name: ready for slot, ready in zip(slots, answers, strict=True)}

    async def close(self) -> None:
        """Close every model. Idempotent."""
        for slot in self.slots.values():
            await slot.close()


async def _close(stream: AsyncIterator[ChatDelta]) -> None:
    if isinstance(stream, AsyncGenerator):
        with suppress(RuntimeError):  # it is being closed by its consumer's own cancellation already
            async with aclosing(stream):
                pass


_GRACE_S = 1.0
"""An adapter bounds its own wait; this bounds one that does not, and the loading of a model that was unloaded."""
