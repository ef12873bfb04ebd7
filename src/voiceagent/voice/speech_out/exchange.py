"""The exchange under way: what was asked, what was answered and heard, and when; becomes the stored Turn. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from voiceagent.domain.conversation import Turn, TurnState, TurnTimings
from voiceagent.kit.ids import new_id
from voiceagent.voice.speech_out.answer import Outcome

_STATES: dict[str, TurnState] = {
    "completed": "answered",
    "incomplete": "answered",
    "cancelled": "interrupted",
    "failed": "failed",
}


@dataclass(slots=True)
class Exchange:
    """One stored turn in the making. marks: session times in seconds of what happened; voiced_s: the last voiced sample."""

    conversation_id: str
    created_at: datetime
    turn_id: str = field(default_factory=lambda: new_id("turn"))
    asked: str = ""
    audio_in_s: float = 0.0
    voiced_s: float | None = None
    marks: dict[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None
    error_code: str | None = None

    def ask(self, text: str, audio_s: float) -> None:
        """The caller said `text`; joins what was said before when that was never answered aloud."""
        self.asked = f"{self.asked} {text}".strip()
        self.audio_in_s += audio_s

    @property
    def reopens(self) -> bool:
        """Whether further words of the caller belong to this exchange: they came before anything of the answer was heard."""
        outcome = self.outcome
        return outcome is None or (
            outcome.status == "cancelled" and outcome.reason == "turn_detected" and not outcome.heard
        )

    def turn(self) -> Turn:
        """As it is stored now."""
        outcome = self.outcome or Outcome()
        state: TurnState = "asked" if self.outcome is None else _STATES[outcome.status]
        return Turn(
            turn_id=self.turn_id,
            conversation_id=self.conversation_id,
            asked=self.asked,
            answer=outcome.text.strip(),
            heard=outcome.heard,
            state="failed" if self.error_code else state,
            created_at=self.created_at,
            timings=self.timings(),
            citations=tuple(outcome.citations),
            model=outcome.model,
            prompt_tokens=outcome.usage.prompt_tokens,
            completion_tokens=outcome.usage.completion_tokens,
            error_code=self.error_code or (outcome.reason if outcome.status == "failed" else None),
        )

    def timings(self) -> TurnTimings:
        """Milliseconds from the last voiced sample; None for what did not happen, or when nothing was spoken."""
        marks = self.marks | (self.outcome.marks if self.outcome else {})
        outcome = self.outcome or Outcome()

        def since(name: str) -> float | None:
            if self.voiced_s is None or name not in marks:
                return None
            return round((marks[name] - self.voiced_s) * 1000, 1)

        return TurnTimings(
            soft_end_ms=since("soft_end"),
            transcript_ms=since("transcript"),
            committed_ms=since("committed"),
            first_token_ms=since("first_token"),
            first_clause_ms=since("first_clause"),
            first_audio_ms=since("first_audio"),
            retrieval_ms=outcome.retrieval_ms,
            audio_in_s=round(self.audio_in_s, 3),
            audio_out_s=round(outcome.audio_ms / 1000, 3),
        )
