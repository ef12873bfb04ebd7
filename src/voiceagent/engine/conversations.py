"""Conversations and turns in the store, seen by one caller: opening, recording, and who may see which."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import structlog

from voiceagent.domain.agent import DEFAULT_AGENT_ID, Agent
from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.erasure import SubjectNames
from voiceagent.domain.events import Event
from voiceagent.domain.identity import Principal
from voiceagent.engine.privacy import Originals, TurnPseudonyms
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import InvalidInput, NotFound, Problem
from voiceagent.kit.ids import new_id
from voiceagent.ports.bus import Bus
from voiceagent.ports.erasure import refuse_erased
from voiceagent.ports.services import OpenedConversation
from voiceagent.ports.store import Store, UnitOfWork

_log = structlog.get_logger(__name__)

TURNS_AT_OPEN = 50
_OWNERS_KEPT = 4096


class ConversationLog:
    """Reads and writes the conversations of callers. `bus` may be None; with `pseudonyms` turns are stored without personal data.

    names: the erased begin no conversation; None: nobody ever is.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus | None,
        clock: Clock,
        pseudonyms: TurnPseudonyms | None = None,
        names: SubjectNames | None = None,
    ) -> None:
        self._names = names
        self._store = store
        self._bus = bus
        self._clock = clock
        self._pseudonyms = pseudonyms
        self._owners: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def open(
        self, principal: Principal, agent_id: str, conversation_id: str | None, channel: str
    ) -> OpenedConversation:
        """As ports.services.Engine.open_conversation."""
        if conversation_id is not None:
            async with self._store.begin(principal.tenant_id, read_only=True) as work:
                found = await self._seen(work, principal, conversation_id)
                turns = await work.conversations.turns(conversation_id, last=TURNS_AT_OPEN)
                return OpenedConversation(found, await agent_of(work, found.agent_id), turns)
        async with self._store.begin(principal.tenant_id) as work:
            agent = await agent_of(work, agent_id or DEFAULT_AGENT_ID)
            now = self._clock.now()
            fresh = Conversation(new_id("conv"), agent.agent_id, principal.subject, _channel(channel), now, now)
            if self._names is not None:
                await refuse_erased(work.erasures, self._names, principal)
            await work.conversations.add(fresh)
        self._own(principal.tenant_id, fresh)
        await self._tell(principal, "conversation_opened", fresh.conversation_id)
        return OpenedConversation(fresh, agent, ())

    async def record(self, principal: Principal, turn: Turn) -> None:
        """As ports.services.Engine.record."""
        originals: Originals = ()
        if self._pseudonyms is not None:
            turn, originals = await self._pseudonyms.redacted(principal.tenant_id, turn)
        async with self._store.begin(principal.tenant_id) as work:
            if self._owners.get((principal.tenant_id, turn.conversation_id)) != principal.subject:
                await self._seen(work, principal, turn.conversation_id)
            await work.conversations.put_turn(turn)
            if originals:
                await work.seals.keep_originals(turn.turn_id, originals)
        await self._tell(principal, "turn_committed", turn.conversation_id)

    async def _seen(self, work: UnitOfWork, principal: Principal, conversation_id: str) -> Conversation:
        found = await work.conversations.get(conversation_id)
        if not may_see(principal, found):
            raise NotFound("conversation_not_found", "there is no such conversation")
        self._own(principal.tenant_id, found)
        return found

    def _own(self, tenant_id: str, conversation: Conversation) -> None:
        self._owners[tenant_id, conversation.conversation_id] = conversation.user_id
        while len(self._owners) > _OWNERS_KEPT:
            self._owners.popitem(last=False)

    async def _tell(self, principal: Principal, kind: str, conversation_id: str) -> None:
        """Best effort: what matters is the row."""
        if self._bus is None:
            return
        event = Event(new_id("evt"), principal.tenant_id, kind, conversation_id, self._clock.now())
        try:
            await self._bus.publish(event)
        except Problem as problem:
            _log.warning("event_not_published", kind=kind, code=problem.code)


def may_see(principal: Principal, conversation: Conversation) -> bool:
    """A caller sees their own conversations; those of others need conversations:read."""
    return conversation.user_id == principal.subject or principal.may("conversations:read")


async def agent_of(work: UnitOfWork, agent_id: str) -> Agent:
    """The agent; the built-in one where the tenant has not stored a default of its own. Raises NotFound `agent_not_found`."""
    try:
        return await work.agents.get(agent_id)
    except NotFound:
        if agent_id == DEFAULT_AGENT_ID:
            return Agent()
        raise


def _channel(channel: str) -> Literal["voice", "text"]:
    if channel == "voice":
        return "voice"
    if channel == "text":
        return "text"
    raise InvalidInput("bad_channel", "a conversation is held by voice or text", param="channel")
