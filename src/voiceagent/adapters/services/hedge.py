"""When a read is slower than nearly all before it, so that it is worth asking a second address. Asks nobody."""

from __future__ import annotations

from collections import deque

_KEPT = 200
_LEAST = 20
_SHARE = 0.95


class Pace:
    """How long reads took lately, in seconds."""

    def __init__(self) -> None:
        self._took_s: deque[float] = deque(maxlen=_KEPT)

    def took(self, seconds: float) -> None:
        """One more read was answered."""
        self._took_s.append(seconds)

    def patience_s(self) -> float | None:
        """The time in which 95 of 100 reads were answered; None while too few are known to say."""
        if len(self._took_s) < _LEAST:
            return None
        ranked = sorted(self._took_s)
        return ranked[int(_SHARE * len(ranked))]
