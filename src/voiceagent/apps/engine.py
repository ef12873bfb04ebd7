"""Composition root of the engine: language models behind a router, the store, and the documents wherever they are searched."""

from __future__ import annotations

from collections.abc import Sequence

from voiceagent.apps.config.answers_area import RetrievalSettings
from voiceagent.apps.parts import Parts
from voiceagent.apps.privacy import subject_names, turn_pseudonyms
from voiceagent.apps.routing.compose import routing
from voiceagent.apps.routing.follow import fixed_providers
from voiceagent.apps.run import Process
from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Message
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.domain.reply import ReplyRequest
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.engine.retrieve import RetrievalBudget
from voiceagent.engine.server import create_engine
from voiceagent.engine.tools.rounds import ToolParts
from voiceagent.ports.services import Documents
from voiceagent.ports.speech import SpeechProviders
from voiceagent.web.serve import Listener
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens

PORTS = ("store", "llm", "bus", "embed", "cache", "tools")


def service(parts: Parts, documents: Documents, speech: SpeechProviders | None = None) -> EngineService:
    """The engine itself. speech: that of this process, if it speaks."""
    router, providers = routing(parts)
    return EngineService(
        EngineParts(
            parts.store,
            router,
            documents,
            parts.bus,
            parts.clock,
            embedder=parts.embed,
            grounding=parts.settings.grounding.mode,
            retrieval=_budget(parts.settings.retrieval),
            pseudonyms=turn_pseudonyms(parts.settings),
            names=subject_names(parts.settings),
            tools=ToolParts(parts.tools, parts.cache, parts.store, parts.clock) if parts.tools else None,
            providers=providers,
            speech=speech,
        )
    )


def _budget(told: RetrievalSettings) -> RetrievalBudget:
    return RetrievalBudget(
        spoken_s=told.spoken_ms / 1000,
        written_s=told.written_ms / 1000,
        limit=told.passages,
        neighbours=told.neighbours,
        room_chars=told.room_chars,
    )


def listener(parts: Parts, engine: EngineService) -> Listener:
    """The engine on its port."""
    server = parts.settings.server
    auth = ServiceAuthenticator(ServiceTokens(parts.service_keys), "engine")
    app = create_engine(engine, auth=auth, embedder=parts.embed, options=parts.app_options())
    return Listener(app, server.engine_port, server.internal_host, parts.tls.internal)


async def warm(parts: Parts, engine: EngineService) -> None:
    """Open the providers, start the language model and let it read the prompt that every conversation begins with, so that the first
    caller need not wait."""
    if engine.parts.providers is not None:
        await engine.parts.providers.begin(fixed_providers(parts.settings))
    greeting = ReplyRequest(DEFAULT_TENANT_ID, "service:start", Agent(), (Message("user", "Hello"),), speculative=True)
    await engine.prepare(greeting)


async def _compose(parts: Parts) -> Sequence[Listener]:
    engine = service(parts, await parts.remote_documents())
    await warm(parts, engine)
    return [listener(parts, engine)]


PROCESS = Process("engine", PORTS, _compose)
