"""Composition root of the voice module: speech in, speech out, turn taking, and the engine wherever it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voiceagent.apps.parts import Parts
from voiceagent.apps.routing.follow import follow
from voiceagent.apps.routing.speech import RoutedSpeech
from voiceagent.apps.run import Process
from voiceagent.kit.errors import Misconfigured
from voiceagent.ports.services import Engine
from voiceagent.voice.bleep.recordings import Bleeper
from voiceagent.voice.server import VoiceServerParts, create_voice
from voiceagent.voice.sessions import SessionLimits, Sessions
from voiceagent.voice.stage import VoiceParts
from voiceagent.web.serve import Listener
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens

PORTS = ("stt", "tts", "vad", "turns")


def listener(parts: Parts, engine: Engine) -> Listener:
    """The voice module on its port, answering through `engine`."""
    settings = parts.settings
    sessions = _sessions(parts, engine)
    parts.at_drain(lambda: sessions.drain(within_s=settings.server.drain_s))
    server_parts = VoiceServerParts(
        open_session=sessions.open,
        speech=RoutedSpeech(parts.stt, parts.tts),
        engine=engine,
        clock=parts.clock,
    )
    auth = ServiceAuthenticator(ServiceTokens(parts.service_keys), "voice")
    app = create_voice(server_parts, auth=auth, options=parts.app_options())
    return Listener(app, settings.server.voice_port, settings.server.internal_host, parts.tls.internal)


def _sessions(parts: Parts, engine: Engine) -> Sessions:
    settings = parts.settings
    shared = VoiceParts(RoutedSpeech(parts.stt, parts.tts), parts.vad, parts.turns, engine, parts.clock)
    folder = Path(settings.recordings.dir).expanduser() if settings.recordings.dir else None
    limits = SessionLimits(settings.limits.sessions, settings.recordings.max_bytes)
    bleeper = None
    if folder is not None and settings.privacy.bleep:
        if not parts.stt.capabilities.words:
            raise Misconfigured("bleep_needs_word_times", "stt.url gives no word times", param="privacy.bleep")
        bleeper = Bleeper(folder, shared.speech, parts.keys)
        parts.background(bleeper.run(), name="bleeper")
    return Sessions(shared, recordings=folder, limits=limits, keys=parts.keys, bleeper=bleeper)


async def _compose(parts: Parts) -> Sequence[Listener]:
    await parts.open("store")  # for its providers alone: it is asked in the background, and may be away
    await follow(parts)
    return [listener(parts, await parts.remote_engine())]


PROCESS = Process("voice", PORTS, _compose)
