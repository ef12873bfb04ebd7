"""The playback clock: how much sound may have been sent by now. Pure: the time is given."""

from __future__ import annotations

from dataclasses import dataclass

LEAD_S = 0.2
"""Sound is sent at most this far ahead of its playback, so that stopping is heard at once (house design, path a)."""


@dataclass(slots=True)
class PlaybackClock:
    """Starts with the first sample sent; stands still when all that was sent has been played, until more is sent."""

    _started_s: float | None = None
    _played_s: float = 0.0

    def start(self, at_s: float) -> None:
        """Playback runs from now on. Does nothing when it already does."""
        if self._started_s is None:
            self._started_s = at_s

    def played_s(self, at_s: float, sent_s: float) -> float:
        """Seconds of sound out of the loudspeaker at `at_s`; never more than was sent."""
        if self._started_s is None:
            return self._played_s
        played_s = self._played_s + (at_s - self._started_s)
        if played_s > sent_s:  # held or starved: the loudspeaker waits for us
            self._played_s, self._started_s = sent_s, at_s
            return sent_s
        return played_s

    def due_in_s(self, at_s: float, sent_s: float) -> float:
        """Seconds until the next piece may be sent; 0 when it may be now."""
        return max(0.0, sent_s - LEAD_S - self.played_s(at_s, sent_s))
