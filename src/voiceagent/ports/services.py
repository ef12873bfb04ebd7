"""The services as seen by each other. In one process the service class itself is the adapter; across processes an HTTP client is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.document import Passage, SearchQuery
from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import ReplyEvent, ReplyRequest


@dataclass(frozen=True, slots=True)
class OpenedConversation:
    """A conversation, the agent that speaks in it, and its stored turns, oldest first."""

    conversation: Conversation
    agent: Agent
    turns: tuple[Turn, ...]


class Engine(Protocol):
    """Conversations and replies."""

    async def open_conversation(
        self, principal: Principal, *, agent_id: str, conversation_id: str | None, channel: str
    ) -> OpenedConversation:
        """A new conversation, or the one named, with its last turns. Stored before it returns.

        Raises NotFound `conversation_not_found` or `agent_not_found`.
        """
        ...

    async def prepare(self, request: ReplyRequest) -> None:
        """Use spare time while the caller still speaks: prefetch passages, warm the prompt. No effect, no error, may do nothing."""
        ...

    def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """The answer as events, ReplyDone last. Cancelling stops every call behind it within 200 ms; nothing is stored.

        Raises DeadlineExceeded `llm_deadline`, Unavailable `llm_unavailable`, RateLimited, InvalidInput `context_too_long`.
        """
        ...

    async def record(self, principal: Principal, turn: Turn) -> None:
        """Store `turn`, or replace the stored one with the same turn_id. Durable when it returns. Idempotent.

        Raises NotFound `conversation_not_found`, Unavailable `store_unavailable`, StorageFull `storage_full`.
        """
        ...


class Documents(Protocol):
    """The documents that a reply may rest on."""

    async def search(self, principal: Principal, query: SearchQuery) -> tuple[Passage, ...]:
        """The best passages that this caller may read, best first, at most `query.limit`.

        Rights are part of the query, never applied after it. Raises DeadlineExceeded `search_deadline` after `query.deadline_s`,
        Unavailable `vectors_unavailable`, NotFound `collection_not_found` when a named collection is not readable.
        """
        ...
