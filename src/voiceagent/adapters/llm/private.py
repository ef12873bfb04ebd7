"""A language model that never sees personal data: pseudonyms go out, and what they stood for comes back into the answer."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from voiceagent.domain.conversation import Message, ToolCall
from voiceagent.domain.pii.replace import replace as without_personal_data
from voiceagent.domain.pii.replace import restore
from voiceagent.ports.llm import ChatDelta, ChatRequest, LanguageModel, LlmCapabilities, TextDelta, ToolCallDelta

_PSEUDONYM_CHARS = 64
"""No pseudonym is longer: what stands after a `[` for longer than this is no beginning of one."""
_LONG_CHARS = 2_000


class PrivateModel:
    """Implements ports.llm.LanguageModel over `model`. Pseudonyms stay the same while the process lives, so that the provider's prefix cache holds."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._key = secrets.token_bytes(32)

    @property
    def capabilities(self) -> LlmCapabilities:
        return self._model.capabilities

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """As ports.llm.LanguageModel.stream."""
        messages, originals = await self._hidden(request.messages)
        text = _Restored(originals)
        source: AsyncIterator[ChatDelta] = self._model.stream(replace(request, messages=messages))
        async with aclosing(_closable(source)) as deltas:
            async for delta in deltas:
                if isinstance(delta, TextDelta):
                    known = text.feed(delta.text)
                    if known:
                        yield TextDelta(known)
                    continue
                rest = text.end()
                if rest:
                    yield TextDelta(rest)
                yield _restored_call(delta, originals) if isinstance(delta, ToolCallDelta) else delta

    async def warm(self, messages: tuple[Message, ...]) -> None:
        """As ports.llm.LanguageModel.warm."""
        hidden, _ = await self._hidden(messages)
        await self._model.warm(hidden)

    async def count_tokens(self, text: str) -> int:
        """As ports.llm.LanguageModel.count_tokens; where the model counts at a server, that server sees no personal data either."""
        hidden, _ = await self._hidden((Message("user", text),))
        return await self._model.count_tokens(hidden[0].text)

    async def ready(self) -> bool:
        """As ports.llm.LanguageModel.ready."""
        return await self._model.ready()

    async def close(self) -> None:
        """As ports.llm.LanguageModel.close."""
        await self._model.close()

    async def _hidden(self, messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], dict[str, str]]:
        if sum(len(message.text) for message in messages) > _LONG_CHARS:
            return await asyncio.to_thread(hidden, messages, self._key)
        return hidden(messages, self._key)


def hidden(messages: tuple[Message, ...], key: bytes) -> tuple[tuple[Message, ...], dict[str, str]]:
    """The messages with pseudonyms, and what each stands for."""
    originals: dict[str, str] = {}

    def plain(text: str) -> str:
        replaced = without_personal_data(text, "pseudonym", key=key)
        originals.update(replaced.originals)
        return replaced.text

    return tuple(
        replace(
            message,
            text=plain(message.text),
            tool_calls=tuple(_hidden_call(call, plain) for call in message.tool_calls),
        )
        for message in messages
    ), originals


def _hidden_call(call: ToolCall, plain: Any) -> ToolCall:
    """Arguments are replaced value by value, so that they stay the JSON that they are."""
    try:
        arguments = json.dumps(_leaves(json.loads(call.arguments), plain), ensure_ascii=False)
    except ValueError:
        arguments = plain(call.arguments)
    return replace(call, arguments=arguments)


def _leaves(value: Any, plain: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_leaves(item, plain) for item in value]
    if isinstance(value, dict):
        return {name: _leaves(item, plain) for name, item in value.items()}
    return value


def _restored_call(delta: ToolCallDelta, originals: dict[str, str]) -> ToolCallDelta:
    arguments = restore(delta.call.arguments, originals, escape=lambda text: json.dumps(text, ensure_ascii=False)[1:-1])
    return ToolCallDelta(replace(delta.call, arguments=arguments))


class _Restored:
    """Turns pseudonyms back in text that comes piece by piece; the beginning of one is held until its end is there."""

    def __init__(self, originals: dict[str, str]) -> None:
        self._originals = originals
        self._held = ""

    def feed(self, text: str) -> str:
        if not self._originals:
            return text
        text = self._held + text
        begun = text.rfind("[")
        held = begun >= 0 and "]" not in text[begun:] and len(text) - begun <= _PSEUDONYM_CHARS
        self._held = text[begun:] if held else ""
        return restore(text[:begun] if held else text, self._originals)

    def end(self) -> str:
        rest, self._held = self._held, ""
        return restore(rest, self._originals)


async def _closable(source: AsyncIterator[ChatDelta]) -> AsyncGenerator[ChatDelta, None]:
    """`source` as a generator: closing it closes the model's stream."""
    try:
        async for delta in source:
            yield delta
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()
