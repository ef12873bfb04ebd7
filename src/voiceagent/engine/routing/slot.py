"""One provider in the router: its model, loaded or not, and what is known of how it does. Implements ports.llm.LanguageModel itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress

from voiceagent.domain.conversation import Message
from voiceagent.domain.provider import Provider
from voiceagent.domain.routing.choice import Standing
from voiceagent.kit.calls.health import Health
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem, Unavailable
from voiceagent.ports.llm import ChatDelta, ChatRequest, LanguageModel, LlmCapabilities

OpenModel = Callable[[Provider], Awaitable[LanguageModel]]
_RETIRE_S = 60.0


class Slot(Health):
    """provider: its settings, which may change while it runs."""

    def __init__(self, provider: Provider, model: LanguageModel, clock: Clock, reopen: OpenModel | None = None) -> None:
        super().__init__(clock)
        self.provider = provider
        self._capabilities = model.capabilities
        self._model: LanguageModel | None = model
        self._reopen = reopen
        self._loading = asyncio.Lock()

    @property
    def capabilities(self) -> LlmCapabilities:
        return self._capabilities

    @property
    def loaded(self) -> bool:
        return self._model is not None

    def standing(self) -> Standing:
        places = self.provider.concurrency or self.capabilities.concurrency
        return Standing(self.provider, places, self.first_s, self.running)

    def allows(self) -> bool:
        """Whether a call may go out now."""
        return self.provider.enabled and super().allows()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        try:
            with self.under_way.one():
                model = await self.load()
                async with aclosing(_closable(model.stream(request))) as deltas:
                    async for delta in deltas:
                        yield delta
        finally:
            self.used()

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
        await self.under_way.ended(within_s=_RETIRE_S)
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
