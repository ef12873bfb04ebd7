"""One provider in the router: its model, loaded or not, and what is known of how it does. Implements ports.llm.LanguageModel itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress

from voiceagent.domain.conversation import Message
from voiceagent.domain.provider import Provider
from voiceagent.engine.routing import breaker
from voiceagent.engine.routing.breaker import Breaker
from voiceagent.engine.routing.choice import Standing, smoothed
from voiceagent.kit.calls.inflight import InFlight
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem, RateLimited, Unavailable
from voiceagent.ports.llm import ChatDelta, ChatRequest, LanguageModel, LlmCapabilities

OpenModel = Callable[[Provider], Awaitable[LanguageModel]]
_DEFAULT_PAUSE_S = 1.0
_RETIRE_S = 60.0


class Slot:
    """provider: its settings, which may change while it runs.  asleep: it does not answer when asked whether it is ready."""

    def __init__(self, provider: Provider, model: LanguageModel, clock: Clock, reopen: OpenModel | None = None) -> None:
        self.provider = provider
        self.asleep = False
        self._answers = InFlight()
        self.first_token_s: float | None = None
        self.last_code = ""
        self._capabilities = model.capabilities
        self._model: LanguageModel | None = model
        self._clock = clock
        self._reopen = reopen
        self._breaker = Breaker()
        self._used_s = clock.monotonic_s()
        self._loading = asyncio.Lock()

    @property
    def capabilities(self) -> LlmCapabilities:
        return self._capabilities

    @property
    def running(self) -> int:
        """Answers that are being given."""
        return len(self._answers)

    @property
    def loaded(self) -> bool:
        return self._model is not None

    @property
    def state(self) -> str:
        """closed: calls go out.  open: none does, it failed.  half_open: one at a time, to see whether it is well again."""
        if self._breaker.open_until_s is None:
            return "closed"
        return "open" if self.asleep or self._clock.monotonic_s() < self._breaker.open_until_s else "half_open"

    @property
    def idle_s(self) -> float:
        return 0.0 if self.running else self._clock.monotonic_s() - self._used_s

    def standing(self) -> Standing:
        return Standing(self.provider, self.capabilities, self.first_token_s, self.running)

    def allows(self) -> bool:
        """Whether a call may go out now."""
        return self.provider.enabled and not self.asleep and breaker.allows(self._breaker, self._clock.monotonic_s())

    def begun(self) -> None:
        """A call goes out."""
        self._breaker = breaker.started(self._breaker)

    def answered(self, after_s: float) -> None:
        """Its first token came."""
        self.first_token_s = smoothed(self.first_token_s, after_s)
        self.last_code = ""
        self._breaker = breaker.succeeded(self._breaker, self._clock.monotonic_s())

    def failed(self, problem: Problem) -> None:
        """It brought no first token. How long it was waited for says nothing of how long it takes."""
        pause_s = None
        if isinstance(problem, RateLimited):
            pause_s = _DEFAULT_PAUSE_S if problem.retry_after_s is None else problem.retry_after_s
        self.last_code = problem.code
        self._breaker = breaker.failed(self._breaker, self._clock.monotonic_s(), pause_s=pause_s)

    def abandoned(self) -> None:
        """The call was cancelled before anything came."""
        self._breaker = breaker.abandoned(self._breaker)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        try:
            with self._answers.one():
                model = await self.load()
                async with aclosing(_closable(model.stream(request))) as deltas:
                    async for delta in deltas:
                        yield delta
        finally:
            self._used_s = self._clock.monotonic_s()

    async def load(self) -> LanguageModel:
        """The model, opened again when it was unloaded. Raises what opening raises."""
        if self._model is not None:
            return self._model
        async with self._loading:
            if self._model is None:
                if self._reopen is None:
                    raise Unavailable("llm_unavailable", "the model was unloaded", retry_after_s=1.0)
                self._model = await self._reopen(self.provider)
                self._capabilities = self._model.capabilities
            return self._model

    async def unload(self) -> bool:
        """Give the model's memory or connections back; the next call opens it again. False while it answers, or cannot come back."""
        if self.running or self._reopen is None or self._model is None:
            return False
        model, self._model = self._model, None
        await model.close()
        return True

    async def warm(self, messages: tuple[Message, ...]) -> None:
        with suppress(Problem):
            await (await self.load()).warm(messages)

    async def count_tokens(self, text: str) -> int:
        return await (await self.load()).count_tokens(text)

    async def ready(self) -> bool:
        """Of an unloaded model: that it can come back."""
        return self._reopen is not None if self._model is None else await self._model.ready()

    async def retire(self) -> None:
        """Close the model once nobody is being answered, at most after a minute."""
        await self._answers.ended(within_s=_RETIRE_S)
        await self.close()

    async def close(self) -> None:
        if self._model is not None:
            await self._model.close()


async def _closable(source: AsyncIterator[ChatDelta]) -> AsyncGenerator[ChatDelta, None]:
    """`source` as a generator: closing it closes the model's stream."""
    try:
        async for delta in source:
            yield delta
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()
