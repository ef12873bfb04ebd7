"""What a question is about when it leans on the one before: "and on Sundays?" after "when do you open?". No model. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from voiceagent.domain.conversation import Message
from voiceagent.engine.grounding.questions import is_small_talk
from voiceagent.engine.grounding.tongues.english import ENGLISH
from voiceagent.engine.grounding.tongues.tongue import Tongue
from voiceagent.engine.grounding.words import content, words

QUESTION_CHARS = 1_000
_TURNS = 4
"""So many turns back a topic is looked for."""

_MOST_WORDS = 6
"""A question with more words of its own that say something is clear without the one before."""

_PLACE_WORDS = 3
"""The same for one that only names a time or a place."""

_THAT = re.compile(r"\b(?:that|this|then)\W*$")
_NAME = re.compile(r"(?<=[a-z,;:] )(?:[A-Z]\w+|\d{3,})")


def question_of(messages: Sequence[Message], tongue: Tongue = ENGLISH) -> str:
    """The last thing the caller said, on one line, after the question that it leans on, if it leans on one."""
    said = [" ".join(message.text.split()) for message in messages if message.role == "user"]
    if not said:
        return ""
    topic = _topic(said[:-1], tongue) if leans_back(said[-1], tongue) else ""
    return f"{topic} {said[-1]}".strip()[-QUESTION_CHARS:]


def leans_back(said: str, tongue: Tongue = ENGLISH) -> bool:
    """Whether `said` cannot be understood without what was said before."""
    plain = said.lower().replace("’", "'").strip()
    own = len(content(said, tongue))
    if not tongue.speaks or is_small_talk(said, tongue):
        return False
    if own == 0:
        return True
    if own > _MOST_WORDS:
        return False
    if tongue.joining.search(plain):
        return True
    if tongue.placing.search(plain) and not tongue.asking.search(plain):
        return own <= _PLACE_WORDS
    return _points_back(said, tongue)


def _points_back(said: str, tongue: Tongue) -> bool:
    """Whether a word stands for something that is not named before it here: "when was it built", not "when did Tesla get his degree"."""
    named = _NAME.search(said) if tongue is ENGLISH else None
    before = tongue.idle.sub(" ", said[: named.start()] if named else said).lower()
    if not tongue.pointing.isdisjoint(words(before)):
        return True
    return named is None and bool(_THAT.search(before))


def _topic(before: Sequence[str], tongue: Tongue) -> str:
    """The last question that stands on its own."""
    for said in reversed(before[-_TURNS:]):
        if not is_small_talk(said, tongue) and not leans_back(said, tongue):
            return said
    return ""
