"""Composition root of the embedded profile: all five servers in one process and one event loop; services call each other as objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from voiceagent.apps import dashboard, documents, engine, gateway, voice
from voiceagent.apps.custody.anchoring import start_anchoring
from voiceagent.apps.custody.rights import start_rights
from voiceagent.apps.parts import Parts
from voiceagent.apps.routing.speech import RoutedSpeech
from voiceagent.apps.run import Process
from voiceagent.web.serve import Listener

PORTS = (*documents.PORTS, "llm", "tools", *voice.PORTS)


def process(announce: Callable[[Parts, Any], None]) -> Process:
    """The whole platform; `announce` tells the operator where it is."""
    return Process("all", PORTS, _compose, gateway.prepare, announce, apart=False)


async def _compose(parts: Parts) -> Sequence[Listener]:
    """In the order in which they stop: the doors first, what they lead to last."""
    rights = await start_rights(parts)
    knowing = documents.service(parts)
    thinking = engine.service(parts, knowing, RoutedSpeech(parts.stt, parts.tts))
    await engine.warm(parts, thinking)
    documents.start_worker(parts)
    await start_anchoring(parts)
    return [
        gateway.listener(parts),
        dashboard.listener(parts),
        voice.listener(parts, thinking),
        engine.listener(parts, thinking),
        documents.listener(parts, knowing, rights),
    ]
