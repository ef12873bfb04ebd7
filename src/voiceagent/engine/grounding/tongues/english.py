"""English, and what stands in for a language of which nothing is known."""

from __future__ import annotations

import re

from voiceagent.engine.grounding.tongues.tongue import Phrases, Tongue

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()

_EMPTY = frozenset(
    "a about above after again all also am an and any are as at be because been before being below between both but by can could did do does "
    "doing down during each else ever few for from further had has have having he her here hers him his how i if in into is it its just let "
    "many may me might more most much must my name new no nor not now of off on once one only or other our out over own per please same shall "
    "she should so some such tell than that the their them then there these they this those through to too under until up upon us used use very "
    "was we were what whats when where which while who whom whose why will with would you your call called kind kinds type types".split()
)

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

ENGLISH = Tongue(
    code="en",
    empty=_EMPTY,
    endings=tuple(
        "ations ation ements ement ingly edly ings ions ness ing ion ies ied ers est ment ed es er ly s e y".split()
    ),
    talk=_TALK,
    about_us=_ABOUT_US,
    asking=_ASKING,
    joining=re.compile(r"^(?:and|but|or|also|then|so)\b|^(?:what|how) about\b"),
    placing=re.compile(r"^(?:on|in|at|for|with|from|to|during|after|before|until|by)\b"),
    pointing=frozenset("it its they them their theirs he him his she her hers these those there latter".split()),
    idle=re.compile(
        r"(?i)\b(?:(?:is|are|was|were|be|been) there|is it (?:possible|true|allowed)|(?:does|did|will) it take|what time is it)\b"
    ),
    phrases=Phrases(
        not_found="I don't find that in your documents.",
        not_looked="I could not look into your documents just now. Please ask me again.",
        says="{teller} {verb}: ",
        says_on_page="{teller} {verb}, on page {page}: ",
        document="The document “{title}”",
        untitled="The document",
        small_numbers=(
            *_ONES,
            *(ten if not one else f"{ten}-{_ONES[one]}" for ten in _TENS for one in range(10)),
        ),
    ),
)

_NEVER = re.compile(r"(?!)")

UNKNOWN = Tongue(
    code="",
    empty=frozenset(),
    endings=(),
    talk=frozenset(),
    about_us=_NEVER,
    asking=_NEVER,
    joining=_NEVER,
    placing=_NEVER,
    pointing=frozenset(),
    idle=_NEVER,
    phrases=Phrases(
        not_found="",
        not_looked="",
        says="{teller}: ",
        says_on_page="{teller}, {page}: ",
        document="“{title}”",
        untitled="…",
    ),
    speaks=False,
)
