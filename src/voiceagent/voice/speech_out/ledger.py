"""What of an answer was made, sent and heard: text and sound side by side, so that history keeps only what reached the ear. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class _Spoken:
    text: str
    start_s: float
    end_s: float


@dataclass(slots=True)
class Ledger:
    """One answer's account. Times are seconds of its own sound."""

    _spoken: list[_Spoken] = field(default_factory=list)
    made_s: float = 0.0
    sent_s: float = 0.0

    def add(self, text: str, seconds: float) -> float:
        """Note that `text` was spoken in `seconds` of sound, after all before it; returns where it starts."""
        start_s = self.made_s
        self.made_s += seconds
        self._spoken.append(_Spoken(text, start_s, self.made_s))
        return start_s

    def text(self) -> str:
        """All that was made into sound."""
        return "".join(spoken.text for spoken in self._spoken).strip()

    def heard(self, played_s: float) -> str:
        """The words that were out of the loudspeaker by `played_s`; a word half said counts as said.

        Within one piece the words are placed in proportion to their characters: the synthesiser gives no word times.
        """
        parts = []
        for spoken in self._spoken:
            if spoken.start_s >= played_s:
                break
            parts.append(spoken.text if spoken.end_s <= played_s else _share(spoken, played_s))
        return "".join(parts).strip()


def _share(spoken: _Spoken, played_s: float) -> str:
    share = (played_s - spoken.start_s) / (spoken.end_s - spoken.start_s)
    chars = round(len(spoken.text) * share)
    end = spoken.text.find(" ", chars)
    return spoken.text if end < 0 else spoken.text[:end]
