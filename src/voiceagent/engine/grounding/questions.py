"""Whether a caller makes conversation or wants to know something that could stand in a document. The cues are the language's. Pure."""

from __future__ import annotations

from voiceagent.engine.grounding.tongues.english import ENGLISH
from voiceagent.engine.grounding.tongues.tongue import Tongue
from voiceagent.engine.grounding.words import words


def is_small_talk(said: str, tongue: Tongue = ENGLISH) -> bool:
    """Whether this is about the conversation itself, which no document answers."""
    plain = said.lower().replace("’", "'")
    found = words(plain)
    if not found or all(word in tongue.talk for word in found):
        return True
    return bool(tongue.about_us.search(plain))


def wants_information(said: str, tongue: Tongue = ENGLISH) -> bool:
    """Whether the caller asks for something that could stand in a document."""
    plain = " ".join(said.lower().replace("’", "'").split())
    return not is_small_talk(said, tongue) and (plain.endswith("?") or bool(tongue.asking.search(plain)))
