"""Which model answers: roles and names to models, fall-back before the first token, a breaker for each, one deadline for all tries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace

import structlog

from voiceagent.engine import breaker
from voiceagent.engine.breaker import Breaker
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import DeadlineExceeded, Misconfigured, NotFound, Problem, RateLimited, Unavailable
from voiceagent.kit.telemetry import counter, histogram
from voiceagent.ports.llm import ChatDelta, ChatRequest, LanguageModel

_log = structlog.get_logger(__name__)
_calls = counter("voiceagent_llm_calls_total", "Calls of a language model by how they began.", ("model", "outcome"))
_first = histogram("voiceagent_llm_first_token_seconds", "Time to the first token of a language model.", ("model",))

DEFAULT_ROLE = "chat"
_DEFAULT_PAUSE_S = 1.0


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
    """models: by name.  roles: names in the order in which they are tried; a model's own name is a role too.

    The role `chat` is the default; without it every model stands in it, in the order of `models`.
    """

    def __init__(
        self,
        models: Mapping[str, LanguageModel],
        *,
        roles: Mapping[str, tuple[str, ...]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._models = dict(models)
        self._roles = {DEFAULT_ROLE: tuple(self._models)} | dict(roles or {})
        for role, names in self._roles.items():
            if not names or any(name not in self._models for name in names):
                raise Misconfigured("llm_roles", f"the role {role} names a model that is not configured")
        self._breakers = dict.fromkeys(self._models, Breaker())
        self._clock = clock or SystemClock()

    def names(self) -> tuple[str, ...]:
        """Every name that `resolve` knows: roles, then models."""
        return tuple(dict.fromkeys((*self._roles, *self._models)))

    def resolve(self, name: str) -> tuple[str, ...]:
        """The models behind a role or name; "" is the default role. Raises NotFound `model_not_found`."""
        if name in self._roles or not name:
            return self._roles[name or DEFAULT_ROLE]
        if name in self._models:
            return (name,)
        raise NotFound("model_not_found", "there is no model of that name", param="model")

    def first(self, name: str) -> LanguageModel:
        """The model that is tried first. Raises NotFound `model_not_found`."""
        return self._models[self.resolve(name)[0]]

    async def start(self, name: str, request: ChatRequest) -> Started:
        """The answer of the first model that brings a first piece within its share of the deadline.

        Raises NotFound `model_not_found`, or what the last model that was tried raised.
        """
        by_s = self._clock.monotonic_s() + request.deadline_s
        names = self.resolve(name)
        refusal: Problem = Unavailable("llm_unavailable", "no model answers at the moment", retry_after_s=1.0)
        for position, model in enumerate(names):
            left_s = by_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise DeadlineExceeded("llm_deadline", "no model answered in time")
            if not breaker.allows(self._breakers[model], self._clock.monotonic_s()):
                continue
            share_s = left_s if position == len(names) - 1 else min(left_s, request.deadline_s / 2)
            try:
                return await self._try(model, replace(request, deadline_s=share_s))
            except (Unavailable, RateLimited, Misconfigured) as problem:
                refusal = problem
                _log.warning("llm_try_failed", model=model, code=problem.code, left=len(names) - position - 1)
        raise refusal

    async def _try(self, model: str, request: ChatRequest) -> Started:
        begun_s = self._clock.monotonic_s()
        self._breakers[model] = breaker.started(self._breakers[model])
        stream = self._models[model].stream(request)
        try:
            first = await anext(stream, None)
            if first is None:
                raise Unavailable("llm_unavailable", "the model ended without an answer")
        except (Unavailable, RateLimited, Misconfigured) as problem:
            self._failed(model, problem)
            raise
        except (Problem, asyncio.CancelledError):
            self._breakers[model] = breaker.abandoned(self._breakers[model])
            await _close(stream)
            raise
        self._breakers[model] = breaker.succeeded(self._breakers[model], self._clock.monotonic_s())
        _calls.labels(model, "answered").inc()
        _first.labels(model).observe(self._clock.monotonic_s() - begun_s)
        return Started(model, first, stream)

    def _failed(self, model: str, problem: Problem) -> None:
        _calls.labels(model, problem.code).inc()
        pause_s = None
        if isinstance(problem, RateLimited):
            pause_s = _DEFAULT_PAUSE_S if problem.retry_after_s is None else problem.retry_after_s
        state = breaker.failed(self._breakers[model], self._clock.monotonic_s(), pause_s=pause_s)
        self._breakers[model] = state

    async def health(self) -> dict[str, bool]:
        """Each model and whether it would answer now."""
        names = list(self._models)
        answers = await asyncio.gather(*(self._models[name].ready() for name in names))
        return dict(zip(names, answers, strict=True))

    async def close(self) -> None:
        """Close every model. Idempotent."""
        for model in self._models.values():
            await model.close()


async def _close(stream: AsyncIterator[ChatDelta]) -> None:
    if isinstance(stream, AsyncGenerator):
        with suppress(RuntimeError):  # it is being closed by its consumer's own cancellation already
            async with aclosing(stream):
                pass
