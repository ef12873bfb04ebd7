"""What every voice checks before it speaks, in one place, so that all refuse alike."""

from __future__ import annotations

from voiceagent.kit.errors import InvalidInput, Unavailable

SLOWEST, FASTEST = 0.25, 4.0


def check_speed(speed: float) -> None:
    """Raises InvalidInput `bad_speed` outside 0.25 to 4 (and for NaN)."""
    if not SLOWEST <= speed <= FASTEST:
        raise InvalidInput("bad_speed", f"speed lies between {SLOWEST} and {FASTEST:g}", param="speed")


def check_voice(voice: str, voices: tuple[str, ...]) -> str:
    """The voice to use; "" is the first one. Raises InvalidInput `unknown_voice`."""
    if not voice:
        return voices[0]
    if voice not in voices:
        raise InvalidInput("unknown_voice", f"no such voice; there are: {', '.join(voices)}", param="voice")
    return voice


def closed() -> Unavailable:
    """What a closed voice raises."""
    return Unavailable("tts_unavailable", "the voice is closed")
