"""End of turn: does it sound as if the caller has finished?"""

from __future__ import annotations

from typing import Protocol


class EndOfTurn(Protocol):
    """Judges the sound of a pause: intonation, tempo, filler."""

    async def probability(self, pcm: bytes) -> float:
        """How likely the caller has finished, 0 to 1. pcm: s16le mono 16 kHz, the turn so far; only the last 8 s count.

        Less than 0.1 s of audio gives 0.5. Idempotent. A cancelled call stops waiting within 50 ms.
        Raises InvalidInput `bad_audio` for an odd number of bytes, Unavailable `turns_unavailable`.
        """
        ...

    async def close(self) -> None:
        """Give back threads and memory. Idempotent."""
        ...
