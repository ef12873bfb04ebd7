"""What the parts of a session see of it, and what all sessions share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voiceagent.kit.clock import Clock
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.services import Engine
from voiceagent.ports.speech import SpeechProviders
from voiceagent.ports.turns import EndOfTurn
from voiceagent.ports.vad import VoiceActivity
from voiceagent.voice.items import History
from voiceagent.voice.messages import SessionEvent, SessionSettings
from voiceagent.voice.turn_words import TurnEvent


@dataclass(frozen=True, slots=True)
class VoiceParts:
    """What every session shares."""

    speech: SpeechProviders
    vad: VoiceActivity
    turns: EndOfTurn
    engine: Engine
    clock: Clock


class Stage(Protocol):
    """A session, as its listening and its speaking side see it."""

    settings: SessionSettings
    items: History
    scope: TaskScope
    conversation_id: str

    def tell(self, event: SessionEvent) -> None:
        """Tell the client, in order."""
        ...

    def happen(self, event: TurnEvent) -> None:
        """Feed the turn machine."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """The caller's turn, as committed. Times are session times in seconds; voiced_s is the last voiced sample."""

    item_id: str
    text: str
    audio_s: float
    voiced_s: float
    marks: dict[str, float]
    error_code: str | None = None
