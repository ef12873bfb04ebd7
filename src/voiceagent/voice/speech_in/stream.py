"""The listening side of a session: keeps the caller's sound, finds where speech starts and pauses, hands out what belongs to a turn."""

from __future__ import annotations

from collections.abc import Callable

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ, VAD_WINDOW_SAMPLES
from voiceagent.ports.vad import VoiceActivityStream
from voiceagent.voice.segment import Edge, SegmentRules, SegmentState, advance

WINDOW_BYTES = VAD_WINDOW_SAMPLES * SAMPLE_BYTES
BYTES_PER_S = SPEECH_RATE_HZ * SAMPLE_BYTES
KEPT_QUIET_S = 2.0
"""Sound kept while nobody speaks: enough for the padding before the first voiced sample."""
MAX_KEPT_S = 130.0
"""Sound kept of one turn; older sound is let go (4 MiB a session)."""


class SpeechIn:
    """The caller's stream: s16le mono 16 kHz. Positions are seconds since the first sample received."""

    def __init__(self, vad: VoiceActivityStream, rules: SegmentRules, on_edge: Callable[[Edge], None]) -> None:
        self.rules = rules
        self._vad = vad
        self._on_edge = on_edge
        self._segment = SegmentState()
        self._kept = bytearray()
        self._kept_from = 0  # byte position of _kept[0] in the stream
        self._unheard_from = 0  # byte position of the next window
        self.open_from_s: float | None = None
        self.detecting = True

    @property
    def received_s(self) -> float:
        return (self._kept_from + len(self._kept)) / BYTES_PER_S

    def push(self, pcm: bytes) -> None:
        """Take in sound. Cheap: detection happens in `hear_window`."""
        self._kept += pcm

    def hear_window(self) -> bool:
        """Detect on the next whole window, 32 ms; False when there is none. Calls `on_edge` when speech starts or pauses."""
        offset = self._unheard_from - self._kept_from
        if len(self._kept) - offset < WINDOW_BYTES:
            return False
        window = bytes(self._kept[offset : offset + WINDOW_BYTES])
        self._unheard_from += WINDOW_BYTES
        if self.detecting:
            self._segment, edge = advance(self._segment, self._vad.probability(window), self.rules)
            if edge is not None:
                self._on_edge(edge)
        self._let_go()
        return True

    def turn_pcm(self, *, last_s: float | None = None) -> bytes:
        """The sound of the open turn until now, or its last `last_s` seconds; everything kept when no turn is open."""
        start = self._kept_from if self.open_from_s is None else _bytes_at(self.open_from_s)
        if last_s is not None:
            start = max(start, self._kept_from + len(self._kept) - _bytes_at(last_s))
        return bytes(self._kept[max(0, start - self._kept_from) :])

    def open_seconds(self) -> float:
        """Length of what `turn_pcm` would give."""
        start = self._kept_from if self.open_from_s is None else max(self._kept_from, _bytes_at(self.open_from_s))
        return (self._kept_from + len(self._kept) - start) / BYTES_PER_S

    def open(self, from_s: float) -> None:
        """The turn's sound starts at `from_s`."""
        self.open_from_s = max(from_s, self._kept_from / BYTES_PER_S)

    def close(self) -> None:
        """No turn is open; what was heard so far belongs to none."""
        self.open_from_s = None
        self._let_go()

    def forget(self) -> None:
        """Throw away all sound received so far, heard or not."""
        self.open_from_s = None
        self._kept_from += len(self._kept)
        self._kept.clear()
        self._unheard_from = self._kept_from
        self.restart()

    def restart(self) -> None:
        """Speech that goes on counts as new speech."""
        self._segment = SegmentState(heard_s=self._unheard_from / BYTES_PER_S)
        self._vad.reset()

    def _let_go(self) -> None:
        kept_s = MAX_KEPT_S if self.open_from_s is not None or not self.detecting else KEPT_QUIET_S
        start = self._unheard_from - _bytes_at(kept_s)
        if self.open_from_s is not None:
            start = max(start, _bytes_at(self.open_from_s) - _bytes_at(KEPT_QUIET_S))
        surplus = start - self._kept_from
        if surplus > BYTES_PER_S:  # in steps of a second, so that moving bytes stays cheap
            del self._kept[:surplus]
            self._kept_from = start


def _bytes_at(seconds: float) -> int:
    return int(seconds * SPEECH_RATE_HZ) * SAMPLE_BYTES
