"""Which language an agent speaks."""

from __future__ import annotations

from voiceagent.engine.grounding.tongues.english import ENGLISH, UNKNOWN
from voiceagent.engine.grounding.tongues.french import FRENCH
from voiceagent.engine.grounding.tongues.german import GERMAN
from voiceagent.engine.grounding.tongues.spanish import SPANISH
from voiceagent.engine.grounding.tongues.tongue import Tongue

_TONGUES = {one.code: one for one in (ENGLISH, GERMAN, FRENCH, SPANISH)}


def tongue_of(language: str) -> Tongue:
    """The tongue of a language tag such as `de-AT`; UNKNOWN for others. An agent without a language speaks English."""
    code = language.lower().replace("_", "-").partition("-")[0]
    return _TONGUES.get(code, UNKNOWN) if code else ENGLISH
