"""POST /api/v1/ask: one question about the documents, answered with its sources or with the finding that they do not say."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.agent import DEFAULT_AGENT_ID, Agent
from voiceagent.domain.conversation import Citation, Message
from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import Grounding, ReplyCitation, ReplyDone, ReplyRequest, ReplyText
from voiceagent.engine.conversations import agent_of
from voiceagent.engine.reply import EngineService
from voiceagent.kit.errors import DeadlineExceeded, NotFound, Unavailable
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.repeats.once import once

Reader = Annotated[Principal, Depends(require("documents:read"))]
FIRST_TOKEN_S = 30.0


class Question(BaseModel):
    """What is asked. collection_ids: null means those of the agent; others narrow them."""

    model_config = ConfigDict(extra="forbid")
    question: str = Field(min_length=1, max_length=1_000)
    agent_id: str = Field(default=DEFAULT_AGENT_ID, min_length=1, max_length=128)
    collection_ids: list[str] | None = Field(default=None, min_length=1, max_length=100)


class SourceBox(BaseModel):
    """Where a quoted line stands: points (1/72 inch) from the upper left corner of the page as it is shown; start, end: its characters."""

    page: int
    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


class Source(BaseModel):
    """Where the answer comes from: page counts from 1, start and end are character offsets in the document's text. boxes: the quoted lines."""

    document_id: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str
    boxes: list[SourceBox] = []


class AnswerShown(BaseModel):
    """The answer. grounding: `extracted` (a sentence as it stands), `generated` (a model read the sources), `refused` (the documents do not
    say), "" (the model's own words). model: who answered."""

    answer: str
    grounding: Grounding
    sources: list[Source]
    model: str
    retrieval_ms: float | None


def ask_routes(engine: EngineService) -> Router:
    """The route of questions about documents."""
    router = Router(prefix="/api/v1", tags=["documents"])

    @router.post("/ask")
    @once("alone")
    async def ask(asked: Question, caller: Reader) -> AnswerShown:
        """Answer one question from the documents that the caller may read."""
        async with engine.parts.store.begin(caller.tenant_id, read_only=True) as work:
            agent = narrowed(await agent_of(work, asked.agent_id), asked.collection_ids)
        request = ReplyRequest(
            caller.tenant_id,
            caller.subject,
            agent,
            (Message("user", asked.question),),
            spoken=False,
            deadline_s=FIRST_TOKEN_S,
            needs_search=True,
        )
        return await _answer(engine, request)

    return router


def narrowed(agent: Agent, collection_ids: list[str] | None) -> Agent:
    """The agent with these collections only. Raises NotFound `collection_not_found` for one that the agent does not use."""
    if collection_ids is None:
        return agent
    if agent.collection_ids and not set(collection_ids) <= set(agent.collection_ids):
        raise NotFound("collection_not_found", "the agent uses no such collection", param="collection_ids")
    return replace(agent, collection_ids=tuple(collection_ids))


async def _answer(engine: EngineService, request: ReplyRequest) -> AnswerShown:
    words: list[str] = []
    cited: list[Citation] = []
    async with aclosing(engine.reply(request)) as events:
        async for event in events:
            if isinstance(event, ReplyText):
                words.append(event.text)
            elif isinstance(event, ReplyCitation):
                cited.append(event.citation)
            elif isinstance(event, ReplyDone):
                _check(event.retrieval_error)
                sources = [_source(one) for one in dict.fromkeys(cited)]
                return AnswerShown(
                    answer="".join(words).strip(),
                    grounding=event.grounding,
                    sources=sources,
                    model=event.model,
                    retrieval_ms=event.retrieval_ms,
                )
    raise Unavailable("llm_unavailable", "the model did not finish its answer")


def _check(error: str | None) -> None:
    """A question about documents is not answered without them."""
    if error is None:
        return
    if error == "collection_not_found":
        raise NotFound("collection_not_found", "there is no such collection", param="collection_ids")
    if error == "search_deadline":
        raise DeadlineExceeded("search_deadline", "the search took longer than it may")
    raise Unavailable(error, "the documents cannot be searched at the moment")


def _source(citation: Citation) -> Source:
    return Source(
        document_id=citation.document_id,
        title=citation.title,
        page=citation.page,
        start=citation.start,
        end=citation.end,
        quote=citation.quote,
        boxes=[SourceBox.model_validate(asdict(box)) for box in citation.boxes],
    )
