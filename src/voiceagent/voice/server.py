"""The voice module's server (:8001): realtime socket, turns, transcriptions, speech. Wires routes; holds no logic of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI

from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.offload import Offload
from voiceagent.ports.services import Engine
from voiceagent.ports.speech import SpeechProviders
from voiceagent.voice.realtime.connection import ConnectionLimits
from voiceagent.voice.realtime.contract import OpenSession
from voiceagent.voice.realtime.route import RealtimeParts, realtime_routes
from voiceagent.voice.routes.speech import speech_routes
from voiceagent.voice.routes.transcriptions import transcription_routes
from voiceagent.voice.routes.turns import TurnParts, turn_routes
from voiceagent.web.app import AppOptions, create_app
from voiceagent.web.auth import Authenticator


@dataclass(frozen=True, slots=True)
class VoiceServerParts:
    """What the server needs from outside. ready: one entry a part, for /health/ready."""

    open_session: OpenSession
    speech: SpeechProviders
    engine: Engine
    clock: Clock = field(default_factory=SystemClock)
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    ready: Callable[[], Awaitable[dict[str, bool]]] | None = None


def create_voice(parts: VoiceServerParts, *, auth: Authenticator, options: AppOptions | None = None) -> FastAPI:
    """The app of the voice module. It closes nothing that it was given."""
    encoding = Offload("encode", threads=1)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        encoding.close()

    app = create_app("voice", title="voiceagent voice", auth=auth, lifespan=lifespan, options=options)
    realtime = RealtimeParts(parts.open_session, parts.speech, parts.clock, parts.limits)
    app.include_router(realtime_routes(realtime))
    app.include_router(turn_routes(TurnParts(parts.speech, parts.engine, encoding, parts.clock)))
    app.include_router(transcription_routes(parts.speech))
    app.include_router(speech_routes(parts.speech, encoding))
    if parts.ready is not None:
        app.state.ready = parts.ready
    return app
