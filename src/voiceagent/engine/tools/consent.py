"""The caller's yes to one use of a tool: asked by the engine in its own words, bound to the exact arguments, good once and for a minute."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from voiceagent.domain.conversation import Message
from voiceagent.domain.identity import Principal
from voiceagent.domain.tool import Tool, ToolUse
from voiceagent.ports.cache import Cache

VALID_S = 60.0
_SPACE = re.compile(r"\s+")
_NO_WORD = re.compile(r"[^\w\s]+")

_QUESTIONS = {
    "en": ("Shall I {title}{details}? Please say yes or no.", " with "),
    "de": ("Soll ich {title}{details}? Bitte sagen Sie ja oder nein.", " mit "),
    "fr": ("Dois-je {title}{details} ? Répondez par oui ou non.", " avec "),
    "es": ("¿Debo {title}{details}? Diga sí o no, por favor.", " con "),
    "it": ("Devo {title}{details}? Dica sì o no, per favore.", " con "),
}
_YES = frozenset(
    "yes|yes please|yes do|yes do it|yes go ahead|yeah|yep|sure|go ahead|please do|do it|ok|okay|correct|that is right|that's right|"
    "confirm|i confirm|ja|ja bitte|jawohl|genau|oui|oui s il vous plaît|d accord|sí|si|sí por favor|claro|sì|sì grazie|va bene".replace(
        "'", " "
    ).split("|")
)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the caller said yes to. key: of this intention, for the tool's side."""

    name: str
    arguments: str
    key: str


class Consents:
    """Open questions, kept in the cache: losing them costs a second question, never an unasked effect."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def ask(self, caller: Principal, use: ToolUse, language: str) -> str:
        """The question for the caller. Raises Unavailable `cache_unavailable`."""
        question = question_for(use, language)
        kept = {"name": use.tool.name, "arguments": json.dumps(use.arguments), "digest": use.digest()}
        await self._cache.put(_key(caller, question), json.dumps(kept).encode(), ttl_s=VALID_S)
        return question

    async def given(self, caller: Principal, messages: tuple[Message, ...]) -> Agreed | None:
        """What the last words agree to, if they answer our question with yes. Takes the question away: it is good for one answer.

        Both the question as it was heard and the yes must be there, whole: an interrupted question was not understood.
        """
        asked = _last_question(messages)
        if not asked:
            return None
        kept = await self._cache.take(_key(caller, asked))
        if kept is None or not says_yes(messages[-1].text):
            return None
        found = json.loads(kept)
        key = hashlib.sha256(f"{caller.tenant_id}\0{caller.subject}\0{found['digest']}\0{asked}".encode()).hexdigest()
        return Agreed(found["name"], found["arguments"], key)


def awaits_yes(messages: tuple[Message, ...]) -> bool:
    """Whether the last words answer a question of ours with yes, as far as the words tell."""
    return bool(_last_question(messages)) and says_yes(messages[-1].text)


def question_for(use: ToolUse, language: str) -> str:
    """The question, with every argument in it."""
    wording, joint = _QUESTIONS.get(language.partition("-")[0].lower(), _QUESTIONS["en"])
    details = ", ".join(f"{name.replace('_', ' ')} {_said(value)}" for name, value in use.arguments.items())
    return wording.format(title=title_of(use.tool), details=f"{joint}{details}" if details else "")


def title_of(tool: Tool) -> str:
    """What the tool does, in words."""
    return tool.title or tool.name.replace("_", " ")


def says_yes(text: str) -> bool:
    """Whether these words are a plain yes, and nothing else."""
    plain = _SPACE.sub(" ", _NO_WORD.sub(" ", text.lower())).strip()
    return plain in _YES


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _last_question(messages: tuple[Message, ...]) -> str:
    """What the agent said before the caller's last words; "" when those are not the last."""
    if len(messages) < 2 or messages[-1].role != "user" or messages[-2].role != "assistant":
        return ""
    return _SPACE.sub(" ", messages[-2].text).strip()


def _key(caller: Principal, question: str) -> str:
    plain = _SPACE.sub(" ", question).strip()
    return f"consent:{caller.tenant_id}:{caller.subject}:{hashlib.sha256(plain.encode()).hexdigest()}"
