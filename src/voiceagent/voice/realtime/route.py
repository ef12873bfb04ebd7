"""The address of the realtime protocol: who may connect, with which model and agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from fastapi import Depends, Query, WebSocket

from voiceagent.domain.agent import DEFAULT_AGENT_ID
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import NotFound
from voiceagent.ports.speech import SpeechProviders
from voiceagent.voice.realtime.connection import Connection, ConnectionLimits, Terms
from voiceagent.voice.realtime.contract import OpenSession
from voiceagent.voice.routes.long_audio import words_of
from voiceagent.voice.wire.config import SessionConfig
from voiceagent.web.app import Router
from voiceagent.web.auth import require

SUBPROTOCOL = "realtime"
_AGENT = "agent_"
"""How the ids of agents begin."""


@dataclass(frozen=True, slots=True)
class RealtimeParts:
    """What the realtime route needs."""

    open_session: OpenSession
    speech: SpeechProviders
    clock: Clock = field(default_factory=SystemClock)
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)


@dataclass(frozen=True, slots=True)
class Target:
    """The query of the address: the protocol's own model, intent and call_id, and ours.

    agent_id, conversation_id: with whom, and which conversation goes on; clients that know a model alone name the agent there, as in chat
    completions.  extensions: send events of ours, too.
    """

    model: Annotated[str, Query(max_length=128)] = ""
    intent: Annotated[str, Query(max_length=32)] = ""
    call_id: Annotated[str, Query(max_length=128)] = ""
    agent_id: Annotated[str | None, Query(max_length=128)] = None
    conversation_id: Annotated[str | None, Query(max_length=128)] = None
    extensions: Annotated[bool, Query()] = False

    @property
    def agent(self) -> str:
        """The id of the agent that is meant."""
        return self.agent_id or (self.model if self.model.startswith(_AGENT) else DEFAULT_AGENT_ID)


def realtime_routes(parts: RealtimeParts) -> Router:
    """WS /v1/realtime"""
    router = Router()

    @router.websocket("/v1/realtime")
    async def realtime(
        socket: WebSocket,
        principal: Annotated[Principal, Depends(require("talk"))],
        target: Annotated[Target, Depends()],
    ) -> None:
        if target.call_id:
            raise NotFound("call_not_found", "There is no such call.", param="call_id")
        asker = Asker(principal.tenant_id, target.agent)
        voices = parts.speech.voice(asker).capabilities.voices
        config = SessionConfig.opened(
            model=target.model, voices=voices, transcription_only=target.intent == "transcription"
        )
        session = await parts.open_session(principal, config.settings(), target.conversation_id, target.agent)
        try:
            offered = socket.scope.get("subprotocols") or ()
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
            recognise = partial(words_of, parts.speech.hearing(asker))
            terms = Terms(parts.clock.now(), recognise, target.extensions, parts.limits)
            await Connection(socket, session, config, terms).run()
        finally:
            await session.close("connection_over")

    return router
