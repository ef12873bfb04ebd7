"""Whether a caller makes conversation or wants to know something that could stand in a document. English cues. Pure."""

from __future__ import annotations

import re

from voiceagent.engine.grounding.words import words

_TALK = frozenset(
    "hello hi hey hiya greetings welcome good morning afternoon evening night day bye goodbye farewell thanks thank you thankyou "
    "cheers much very so appreciate it that's thats that is was great fine nice cool perfect wonderful awesome excellent ok okay "
    "alright all right sure yes yeah yep no nope not now please sorry excuse me pardon again see later soon take care talk to and the "
    "a i i'm im am well just wait one moment hold on there everyone how are doing going up what's whats your name who what can help "
    "with do for my friend really oh ah um uh hm hmm mhm never mind nevermind stop got understood makes sense have hear could repeat "
    "say too today".split()
)
"""A sentence of these words alone is small talk: greetings, thanks, yes and no, questions about the assistant itself."""

_ABOUT_US = re.compile(
    r"\b(?:(?:how|who|what|where) are you|are you (?:an? )?(?:\w+ )?(?:human|robot|real|there|person|machine|ai|bot|okay)|"
    r"your name|can you (?:help|hear|do)|you do\b|do you (?:like|feel|sleep|dream|love|hear|think)|nice to meet|about yourself|"
    r"tell me (?:a |another )?(?:\w+ )?(?:joke|story|riddle)|sing (?:a|me|us)|speak (?:up|slower|louder|faster)|(?:say|repeat) (?:that|it))\b"
)

_ASKING = re.compile(
    r"^(?:and |but |so |then |well |okay |ok |please )*(?:(?:in|at|on|by|to|for|from|with|of|under) )?"
    r"(?:who|whom|whose|what|whats|when|where|which|why|how)\b"
    r"|^(?:and |but |so |then |well |okay |ok |please )*"
    r"(?:is|are|was|were|do|does|did|can|could|may|must|should|has|have|had|will|would|am)\b"
    r"|^(?:please |can you |could you |would you )?"
    r"(?:tell me|explain|describe|define|list|name|find|look up|summari[sz]e|give me|show me)\b"
    r"|\bhow (?:many|much|long|often|far|old)\b|\b(?:what|which) (?:type|kind|sort|year|date|name)\b"
    r"|\b(?:do you know|i (?:want|need|would like) to know|i wonder|any idea)\b"
)


def is_small_talk(said: str) -> bool:
    """Whether this is about the conversation itself, which no document answers."""
    plain = said.lower().replace("’", "'")
    found = words(plain)
    if not found or all(word in _TALK for word in found):
        return True
    return bool(_ABOUT_US.search(plain))


def wants_information(said: str) -> bool:
    """Whether the caller asks for something that could stand in a document."""
    plain = " ".join(said.lower().split())
    return not is_small_talk(said) and (plain.endswith("?") or bool(_ASKING.search(plain)))
