"""What a reply rests on: nothing, passages for the model to read, a sentence told as it stands, or a plain "that is not in there"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voiceagent.domain.conversation import Citation
from voiceagent.domain.document import Passage, boxes_between, page_at
from voiceagent.domain.reply import Grounding, ReplyCitation, ReplyRequest, ReplyText
from voiceagent.engine.grounding.evidence import Evidence
from voiceagent.engine.grounding.followup import question_of
from voiceagent.engine.grounding.judge import Judge
from voiceagent.engine.grounding.questions import is_small_talk, wants_information
from voiceagent.engine.grounding.tongues.choice import tongue_of
from voiceagent.engine.grounding.tongues.tongue import Tongue
from voiceagent.engine.grounding.wording import introduced, quoted
from voiceagent.engine.retrieve import Retrieved, Retriever
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
        tongue = tongue_of(request.agent.language)
        said = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
        if is_small_talk(said, tongue):
            return Grounded()
        question = question_of(request.messages, tongue)
        begun_s = self._clock.monotonic_s()
        budget = self._retriever.budget
        extracts = self._extracts(llm)
        neighbours = 0 if extracts else budget.neighbours
        found = await self._retriever.passages(request, question, neighbours=neighbours, ahead=ahead)
        asks = tongue.speaks and wants_information(said, tongue) and not request.tools
        if found.error and extracts and asks:  # a small model would invent what it was to look up
            return Grounded("refused", said=(ReplyText(tongue.phrases.not_looked),), ms=found.ms, error=found.error)
        if not found.passages or not extracts:
            return Grounded("generated" if found.passages else "", found.passages, ms=found.ms, error=found.error)
        budget_s = budget.written_s if ahead else budget.within_s(request)
        left_s = max(budget_s - (self._clock.monotonic_s() - begun_s), _LEAST_S)
        verdict = await self._judge.verdict(question, found.passages, within_s=left_s, tongue=tongue)
        ms = (self._clock.monotonic_s() - begun_s) * 1000
        if verdict.best is not None and verdict.sure:
            told = _told(verdict.best, found, spoken=request.spoken, tongue=tongue)
            return Grounded("extracted", said=told, ms=ms)
        if asks:
            return Grounded("refused", said=(ReplyText(tongue.phrases.not_found),), ms=ms)
        return Grounded(ms=ms)

    def _extracts(self, llm: LlmCapabilities) -> bool:
        return self._mode == "extract" or (self._mode == "auto" and llm.small)


def _told(best: Evidence, found: Retrieved, *, spoken: bool, tongue: Tongue) -> tuple[ReplyText | ReplyCitation, ...]:
    passage = found.passages[best.passage]
    chunk = passage.chunk
    start, end = chunk.start + best.start, chunk.start + best.end
    page = page_at(passage, start)
    citation = Citation(
        chunk.document_id,
        passage.title,
        page,
        start,
        end,
        quote=best.text[:_QUOTE_CHARS],
        score=round(best.score, 4),
        boxes=boxes_between(chunk.boxes, start, end),
    )
    return (
        ReplyText(introduced(passage, page, spoken=spoken, tongue=tongue)),
        ReplyText(quoted(best.said)),
        ReplyCitation(citation),
    )
