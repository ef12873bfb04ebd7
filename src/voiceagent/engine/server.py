"""The engine's server on :8000, for internal calls only: its port, OpenAI's chat, models and embeddings, conversations and agents."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

from voiceagent.engine.reply import EngineService
from voiceagent.engine.routes.agents import agent_routes
from voiceagent.engine.routes.ask import ask_routes
from voiceagent.engine.routes.chat import chat_routes
from voiceagent.engine.routes.conversations import conversation_routes
from voiceagent.engine.routes.internal import internal_routes
from voiceagent.engine.routes.models import model_routes
from voiceagent.engine.routes.providers import provider_routes
from voiceagent.engine.routes.usage import usage_routes
from voiceagent.ports.embed import Embedder
from voiceagent.web.app import AppOptions, Lifespan, create_app
from voiceagent.web.auth import Authenticator
from voiceagent.web.repeats.once import Once


def create_engine(
    engine: EngineService,
    *,
    auth: Authenticator,
    embedder: Embedder | None = None,
    lifespan: Lifespan | None = None,
    options: AppOptions | None = None,
) -> FastAPI:
    """The app of the engine. It is ready when its store and at least one model answer."""
    app = create_app("engine", title="voiceagent engine", auth=auth, lifespan=lifespan, options=options)

    async def ready() -> dict[str, bool]:
        store, models = await asyncio.gather(engine.parts.store.ready(), engine.parts.router.health())
        return {"store": store, "llm": any(models.values())}

    app.state.ready = ready
    app.state.once = Once(engine.parts.store)
    app.include_router(chat_routes(engine))
    app.include_router(model_routes(engine, embedder))
    app.include_router(conversation_routes(engine))
    app.include_router(agent_routes(engine))
    app.include_router(ask_routes(engine))
    app.include_router(internal_routes(engine))
    if engine.parts.providers is not None:
        app.include_router(provider_routes(engine.parts.providers))
        app.include_router(usage_routes(engine.parts.providers, engine.parts.router.ledger))
    return app
