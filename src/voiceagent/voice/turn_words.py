"""The words of the turn machine: its rules, its state, what happens to it, what it wants done. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from voiceagent.voice.endpoint import Eagerness


@dataclass(frozen=True, slots=True)
class TurnRules:
    """How turns are taken. All times in seconds.

    detection: semantic (tone and words), silence (a fixed `silence_s`), manual (the client says when).
    speculate: draft the answer before the turn is certainly over.  draft_lead_s: earliest before the expected end.
    judge_deadline_s, transcript_deadline_s, reply_deadline_s: bounds of the waits for the end-of-turn model, the
    recogniser, the first sound of an answer.  probe_s: voiced time over the agent after which its words are looked at,
    and the time between looks.  overlap_deadline_s: sound over the agent without words lets it go on after this.
    """

    detection: Literal["semantic", "silence", "manual"] = "semantic"
    silence_s: float = 0.5
    eagerness: Eagerness = "auto"
    create_response: bool = True
    interrupt_response: bool = True
    speculate: bool = True
    draft_lead_s: float = 0.6
    judge_deadline_s: float = 0.4
    transcript_deadline_s: float = 4.0
    reply_deadline_s: float = 12.0
    probe_s: float = 0.5
    overlap_deadline_s: float = 1.6
    max_turn_s: float = 90.0
    idle_timeout_s: float | None = None


Ear = Literal["quiet", "voiced", "pausing", "closing"]
"""quiet: nobody speaks.  voiced: the caller does.  pausing: the caller stopped, perhaps.  closing: the client ended the turn."""

Mouth = Literal["silent", "drafting", "answering", "speaking", "held"]
"""drafting: an answer is made that nobody may hear yet.  answering: allowed, not yet audible.  held: audible, paused by the caller."""


@dataclass(frozen=True, slots=True)
class TurnState:
    """Everything the machine remembers.

    revision: grows whenever speech begins again, so that late results about earlier sound are known as such.
    looks: how often the tone of this pause was looked at.
    text, judged: transcript and latest end-of-turn probability of this revision, None while unknown.  owed: an answer is due as
    soon as the mouth is free.  drafted_revision: a draft was made for it.
    told: the client knows that the caller speaks.  quiet_since_s: for the idle time-out.
    """

    rules: TurnRules = field(default_factory=TurnRules)
    ear: Ear = "quiet"
    mouth: Mouth = "silent"
    revision: int = 0
    reply_no: int = 0
    drafted_revision: int = -1
    speech_start_s: float = 0.0
    last_voiced_s: float = 0.0
    paused_at_s: float = 0.0
    text: str | None = None
    judged: float | None = None
    looks: int = 0
    owed: bool = False
    told: bool = False
    reply_since_s: float = 0.0
    held_since_s: float = 0.0
    next_probe_s: float = 0.0
    quiet_since_s: float | None = None


# --- what happens -----------------------------------------------------------------------------------------------------
# at_s is the session's time of the event; start_s and last_voiced_s lie in the same time, where the sound was.


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    at_s: float
    start_s: float


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    at_s: float
    last_voiced_s: float


@dataclass(frozen=True, slots=True)
class Transcribed:
    at_s: float
    revision: int
    text: str


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    at_s: float
    revision: int
    code: str


@dataclass(frozen=True, slots=True)
class EndJudged:
    at_s: float
    revision: int
    probability: float


@dataclass(frozen=True, slots=True)
class ReplyAudible:
    at_s: float
    reply_no: int


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """The answer was played to its end, or failed, or was a written one that is complete."""

    at_s: float
    reply_no: int


@dataclass(frozen=True, slots=True)
class AudioCommitted:
    """The client ended the caller's turn."""

    at_s: float


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """The client threw the caller's sound away."""

    at_s: float


@dataclass(frozen=True, slots=True)
class ResponseRequested:
    at_s: float


@dataclass(frozen=True, slots=True)
class CancelRequested:
    at_s: float


@dataclass(frozen=True, slots=True)
class RulesChanged:
    at_s: float
    rules: TurnRules


@dataclass(frozen=True, slots=True)
class Ticked:
    """The time that `turn.next_wake_s` asked for has come."""

    at_s: float


TurnEvent = (
    SpeechBegan
    | SpeechPaused
    | Transcribed
    | TranscriptionFailed
    | EndJudged
    | ReplyAudible
    | ReplyFinished
    | AudioCommitted
    | AudioCleared
    | ResponseRequested
    | CancelRequested
    | RulesChanged
    | Ticked
)


# --- what is wanted ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """Keep the caller's sound from start_s (less the padding) on."""

    revision: int
    start_s: float


@dataclass(frozen=True, slots=True)
class ReviseTurn:
    """The caller goes on: what was found about the sound so far is provisional."""

    revision: int


@dataclass(frozen=True, slots=True)
class DropTurn:
    """There was nothing in it: throw the sound away."""


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The caller's turn is over and says `text`: it enters the history."""

    text: str
    last_voiced_s: float


@dataclass(frozen=True, slots=True)
class FailTurn:
    """The caller's turn is over and could not be understood."""

    code: str


@dataclass(frozen=True, slots=True)
class TellSpeech:
    """Tell the client that the caller speaks, since start_s."""

    start_s: float


@dataclass(frozen=True, slots=True)
class Transcribe:
    revision: int


@dataclass(frozen=True, slots=True)
class JudgeEnd:
    revision: int


@dataclass(frozen=True, slots=True)
class StartReply:
    """Make an answer. pending_text: words of the caller that are not yet in the history (a draft); None: answer the history."""

    reply_no: int
    pending_text: str | None


@dataclass(frozen=True, slots=True)
class ReleaseReply:
    """The draft may be heard, stored, and have effects."""

    reply_no: int


CancelReason = Literal["revised", "turn_detected", "client_cancelled", "reply_late"]


@dataclass(frozen=True, slots=True)
class CancelReply:
    """Stop the answer's sound and work. Keep in the history only what was heard."""

    reply_no: int
    reason: CancelReason


@dataclass(frozen=True, slots=True)
class PauseSpeaker:
    """Stop sending sound at once; it may go on from the same sample."""


@dataclass(frozen=True, slots=True)
class ResumeSpeaker:
    """It was no interruption: go on."""


@dataclass(frozen=True, slots=True)
class TellIdle:
    """Nobody spoke for the idle time-out."""

    since_s: float


TurnEffect = (
    OpenTurn
    | ReviseTurn
    | DropTurn
    | CommitTurn
    | FailTurn
    | TellSpeech
    | Transcribe
    | JudgeEnd
    | StartReply
    | ReleaseReply
    | CancelReply
    | PauseSpeaker
    | ResumeSpeaker
    | TellIdle
)
