"""Session settings as rules of the turn machine and of the segmenter. Pure."""

from __future__ import annotations

from voiceagent.voice.messages import SessionSettings, TurnDetection
from voiceagent.voice.segment import SegmentRules
from voiceagent.voice.turn_words import TurnRules


def rules_of(settings: SessionSettings) -> TurnRules:
    """The turn rules that these settings ask for."""
    detection = settings.turn_detection
    if detection is None:
        return TurnRules(detection="manual", create_response=False)
    return TurnRules(
        detection="semantic" if detection.kind == "semantic_vad" else "silence",
        silence_s=detection.silence_duration_ms / 1000,
        eagerness=detection.eagerness,
        create_response=detection.create_response,
        interrupt_response=detection.interrupt_response,
        idle_timeout_s=None if detection.idle_timeout_ms is None else detection.idle_timeout_ms / 1000,
    )


def segment_rules_of(detection: TurnDetection | None) -> SegmentRules:
    """The segmenter's thresholds: the client's, when it names one."""
    if detection is None:
        return SegmentRules()
    return SegmentRules(start_probability=detection.threshold, stop_probability=detection.threshold)
