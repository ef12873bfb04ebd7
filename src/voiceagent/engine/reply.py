"""The engine: `EngineService` answers, and keeps conversations. How a prompt is made, a model chosen or a mark read stands next door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from voiceagent.domain.conversation import Turn
from voiceagent.domain.erasure import SubjectNames
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.domain.reply import ReplyDone, ReplyEvent, ReplyRequest, ReplyText, ReplyToolCall
from voiceagent.domain.tool import Tool
from voiceagent.domain.usage import TokenUsage
from voiceagent.engine.brevity import SpokenLimit
from voiceagent.engine.cite import CitedText, Said
from voiceagent.engine.compose import Composed, compose, within
from voiceagent.engine.conversations import ConversationLog
from voiceagent.engine.counting import TokenCounts
from voiceagent.engine.grounding.ground import Grounded, Grounder, Mode
from voiceagent.engine.grounding.judge import Judge
from voiceagent.engine.privacy import TurnPseudonyms
from voiceagent.engine.retrieve import RetrievalBudget, Retriever
from voiceagent.engine.routing.registry import Registry
from voiceagent.engine.routing.router import Router, Started
from voiceagent.engine.tools.rounds import ToolParts, ToolRounds
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import NotFound, Problem
from voiceagent.ports.bus import Bus
from voiceagent.ports.embed import Embedder
from voiceagent.ports.llm import ChatDone, TextDelta, ToolCallDelta
from voiceagent.ports.services import Documents, OpenedConversation
from voiceagent.ports.speech import SpeechProviders
from voiceagent.ports.store import Store

_log = structlog.get_logger(__name__)

PREPARE_S = 10.0
FROM_DOCUMENTS = "documents"
"""Named as the model of an answer that no model made."""


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What the engine works with. documents: None when there are none.  bus: None when nobody listens.  embedder: compares questions with
    sentences, None to go by words alone.  pseudonyms: turns go through it before they are stored, None to store them as they are.

    names: the erased begin no conversation.  tools: what agents may use, None for none.
    providers: changes those of `router`, None when they are fixed.  speech: knows which voices there are; None where another process speaks.
    """

    store: Store
    router: Router
    documents: Documents | None = None
    bus: Bus | None = None
    clock: Clock = field(default_factory=SystemClock)
    embedder: Embedder | None = None
    grounding: Mode = "auto"
    retrieval: RetrievalBudget = field(default_factory=RetrievalBudget)
    pseudonyms: TurnPseudonyms | None = None
    names: SubjectNames | None = None
    providers: Registry | None = None
    tools: ToolParts | None = None
    speech: SpeechProviders | None = None

    @property
    def offered(self) -> tuple[Tool, ...]:
        """Every tool that an agent may be given."""
        return self.tools.tools.all if self.tools else ()


class EngineService:
    """Implements ports.services.Engine."""

    def __init__(self, parts: EngineParts) -> None:
        self.parts = parts
        self.log = ConversationLog(parts.store, parts.bus, parts.clock, parts.pseudonyms, parts.names)
        retriever = Retriever(parts.documents, parts.clock, parts.retrieval)
        self._grounder = Grounder(retriever, Judge(parts.embedder), parts.clock, mode=parts.grounding)
        self._counts = TokenCounts()
        self._tools = ToolRounds(parts.tools) if parts.tools else None

    async def open_conversation(
        self, principal: Principal, *, agent_id: str, conversation_id: str | None, channel: str
    ) -> OpenedConversation:
        return await self.log.open(principal, agent_id, conversation_id, channel)

    async def record(self, principal: Principal, turn: Turn) -> None:
        await self.log.record(principal, turn)

    async def prepare(self, request: ReplyRequest) -> None:
        try:
            async with asyncio.timeout(PREPARE_S):
                llm = self.parts.router.first(self._model(request), _asker(request))
                grounded = await self._grounder.ground(request, llm.capabilities, ahead=True)
                if grounded.said:
                    return
                composed = await compose(request, grounded.passages, llm, self._counts)
                await llm.warm(composed.chat.messages)
        except (Problem, TimeoutError) as error:
            _log.debug("prepare_failed", error=type(error).__name__)

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        answer = self._generated(request)
        if self._tools is not None and request.agent.tools and self._calls_tools(request):
            answer = self._tools.reply(request, self._generated)
        async with aclosing(answer) as events:
            async for event in events:
                yield event

    async def _generated(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """One call of the model."""
        begun_s = self.parts.clock.monotonic_s()
        model = self._model(request)
        asker = _asker(request)
        llm = self.parts.router.first(model, asker)
        grounded = await self._grounder.ground(request, llm.capabilities)
        if grounded.said or (request.needs_search and grounded.error):
            for said in grounded.said:
                yield said
            yield ReplyDone("stop", TokenUsage(), FROM_DOCUMENTS, grounded.ms, grounded.error, grounded.how)
            return
        composed = await compose(request, grounded.passages, llm, self._counts)
        left_s = request.deadline_s - (self.parts.clock.monotonic_s() - begun_s)
        started = await self.parts.router.start(model, within(composed.chat, left_s), asker)
        async with aclosing(_told(started, composed, grounded, spoken=request.spoken)) as events:
            async for event in events:
                yield event

    def _calls_tools(self, request: ReplyRequest) -> bool:
        return self.parts.router.first(self._model(request), _asker(request)).capabilities.tools

    def _model(self, request: ReplyRequest) -> str:
        """What the call asks for, or the agent's choice: clients of other platforms ask for models that we do not have."""
        for name in (request.model, request.agent.model):
            try:
                if name and self.parts.router.resolve(name, _asker(request)):
                    return name
            except NotFound:
                continue
        return ""


def _asker(request: ReplyRequest) -> Asker:
    return Asker(request.tenant_id, request.agent.agent_id, request.agent.language)


async def _told(
    started: Started, composed: Composed, grounded: Grounded, *, spoken: bool
) -> AsyncGenerator[ReplyEvent, None]:
    """The model's deltas as events of the reply."""
    cited = CitedText(composed.passages, spoken=spoken)
    limit = SpokenLimit(composed.soft_words) if spoken else None
    pieces = 0
    done: ChatDone | None = None
    async with aclosing(started.deltas()) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                pieces += 1
                for said in _limited(cited.feed(delta.text), limit):
                    yield said
                if limit is not None and limit.over:
                    break
            elif isinstance(delta, ToolCallDelta):
                yield ReplyToolCall(delta.call)
            else:
                done = delta
    for said in _limited(cited.end(), limit):
        yield said
    # An answer that is ended here, at a sentence, brings no usage: its pieces are its tokens, about.
    end = done or ChatDone("stop", TokenUsage(completion_tokens=pieces))
    how = grounded.how if composed.passages else ""
    yield ReplyDone(end.finish_reason, end.usage, started.model, grounded.ms, grounded.error, how)


def _limited(said: list[Said], limit: SpokenLimit | None) -> list[Said]:
    """What of `said` is within the limit of a spoken answer."""
    if limit is None:
        return said
    kept: list[Said] = []
    for event in said:
        if isinstance(event, ReplyText):
            text = limit.feed(event.text)
            kept += [ReplyText(text)] if text else []
        elif not limit.over:
            kept.append(event)
    return kept
