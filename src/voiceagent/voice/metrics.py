"""What is counted of spoken turns: how long answers take stage by stage, how they end, how many sessions live."""

from __future__ import annotations

from voiceagent.domain.conversation import TurnTimings
from voiceagent.kit.telemetry import counter, gauge, histogram

SESSIONS = gauge("voiceagent_voice_live_sessions", "Realtime sessions that are open now.")
_TURNS = counter("voiceagent_voice_turns_total", "Answers that ended, by how.", ["status", "reason"])
_STAGES = histogram(
    "voiceagent_voice_stage_seconds", "From the caller's last voiced sample to each stage of the answer.", ["stage"]
)
_REASONS = frozenset({"turn_detected", "client_cancelled", "reply_late", "max_output_tokens", "content_filter"})


def answered(timings: TurnTimings, status: str, reason: str | None) -> None:
    """Count one answer. Unknown reasons are error codes and are counted together, so that labels stay few."""
    label = reason if reason in _REASONS else ("none" if reason is None else "error")
    _TURNS.labels(status, label).inc()
    for stage in ("soft_end", "transcript", "committed", "first_token", "first_clause", "first_audio"):
        milliseconds = getattr(timings, f"{stage}_ms")
        if milliseconds is not None:
            _STAGES.labels(stage).observe(max(0.0, milliseconds) / 1000)
