"""Token counts of texts that come again with every turn: asked once of the model, then remembered."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from voiceagent.domain.conversation import Message
from voiceagent.engine.context import MESSAGE_TOKENS, CountTokens
from voiceagent.ports.llm import LanguageModel

_KEPT = 4096


class TokenCounts:
    """Remembers the counts of the last 4,096 texts of each process, by model."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, str], int] = OrderedDict()

    async def counter(self, llm: LanguageModel, messages: tuple[Message, ...], enough_tokens: int) -> CountTokens:
        """A function that counts the texts of `messages`. When even their bytes fit into `enough_tokens` it counts bytes: no vocabulary
        has more tokens than bytes, so no model is asked."""
        if sum(len(message.text.encode()) + MESSAGE_TOKENS for message in messages) <= enough_tokens:
            return _bytes
        model = llm.capabilities.model
        texts = {message.text for message in messages}
        counts = {text: self._kept.get(_key(model, text)) for text in texts}
        unknown = [text for text, count in counts.items() if count is None]
        fresh = await asyncio.gather(*(llm.count_tokens(text) for text in unknown))
        for text, count in zip(unknown, fresh, strict=True):
            counts[text] = count
            self._keep(_key(model, text), count)
        return lambda text: counts.get(text) or _bytes(text)

    def _keep(self, key: tuple[str, int, str], count: int) -> None:
        self._kept[key] = count
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def _key(model: str, text: str) -> tuple[str, int, str]:
    return model, hash(text), text[:16]


def _bytes(text: str) -> int:
    return len(text.encode())
