"""What a reply rests on: nothing, passages for the model to read, a sentence told as it stands, or a plain "that is not in there"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voiceagent.domain.conversation import Citation
from voiceagent.domain.document import Passage
from voiceagent.domain.reply import Grounding, ReplyCitation, ReplyRequest, ReplyText
from voiceagent.engine.grounding.evidence import Evidence
from voiceagent.engine.grounding.judge import Judge
from voiceagent.engine.grounding.questions import is_small_talk, wants_information
from voiceagent.engine.grounding.wording import NOT_FOUND, introduced, quoted
from voiceagent.engine.retrieve import SPOKEN_S, WRITTEN_S, Retrieved, Retriever, question_of
from voiceagent.kit.clock import Clock
from voiceagent.ports.llm import LlmCapabilities

Mode = Literal["auto", "extract", "generate"]

_LEAST_S = 0.04
_QUOTE_CHARS = 600


@dataclass(frozen=True, slots=True)
class Grounded:
    """passages: for the model's prompt.  said: the whole answer where no model is to speak.  ms: how long all this took, None without a
    search.  error: the code of a search that failed."""

    how: Grounding = ""
    passages: tuple[Passage, ...] = ()
    said: tuple[ReplyText | ReplyCitation, ...] = ()
    ms: float | None = None
    error: str | None = None


class Grounder:
    """mode: `extract` tells sentences of the documents, `generate` lets the model answer from passages, `auto` extracts where the model
    is small: it repeats or invents instead of reading."""

    def __init__(self, retriever: Retriever, judge: Judge, clock: Clock, *, mode: Mode = "auto") -> None:
        self._retriever = retriever
        self._judge = judge
        self._clock = clock
        self._mode = mode

    async def ground(self, request: ReplyRequest, llm: LlmCapabilities, *, ahead: bool = False) -> Grounded:
        """What the answer to `request` rests on. Raises nothing: a search that fails costs the sources. ahead: nobody waits for it yet."""
        question = question_of(request)
        if is_small_talk(question):
            return Grounded()
        begun_s = self._clock.monotonic_s()
        found = await self._retriever.passages(request, ahead=ahead)
        if not found.passages or not self._extracts(llm):
            return Grounded("generated" if found.passages else "", found.passages, ms=found.ms, error=found.error)
        budget_s = SPOKEN_S if request.spoken and not ahead else WRITTEN_S
        left_s = budget_s - (self._clock.monotonic_s() - begun_s)
        verdict = await self._judge.verdict(question, found.passages, within_s=max(left_s, _LEAST_S))
        ms = (self._clock.monotonic_s() - begun_s) * 1000
        if verdict.best is not None and verdict.sure:
            return Grounded("extracted", said=_told(verdict.best, found, spoken=request.spoken), ms=ms)
        if wants_information(question) and not request.tools and request.agent.language.startswith("en"):
            return Grounded("refused", said=(ReplyText(NOT_FOUND),), ms=ms)
        return Grounded(ms=ms)

    def _extracts(self, llm: LlmCapabilities) -> bool:
        return self._mode == "extract" or (self._mode == "auto" and llm.small)


def _told(best: Evidence, found: Retrieved, *, spoken: bool) -> tuple[ReplyText | ReplyCitation, ...]:
    passage = found.passages[best.passage]
    chunk = passage.chunk
    citation = Citation(
        chunk.document_id,
        passage.title,
        chunk.page,
        chunk.start + best.start,
        chunk.start + best.end,
        quote=best.text[:_QUOTE_CHARS],
        score=round(best.score, 4),
    )
    return (
        ReplyText(introduced(passage, spoken=spoken)),
        ReplyText(quoted(best.text)),
        ReplyCitation(citation),
    )
