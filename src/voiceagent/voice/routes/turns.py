"""POST /api/v1/voice/turns: one spoken turn in one call. The answer is stored before it is given."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import structlog
from fastapi import Depends, Query, Request
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.responses import Response

from voiceagent.domain.agent import DEFAULT_AGENT_ID, Agent
from voiceagent.domain.audio import SPEECH_RATE_HZ, WIRE_RATE_HZ, pcm_seconds
from voiceagent.domain.conversation import Citation, Message, Turn, TurnTimings, messages_of
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.domain.reply import ReplyCitation, ReplyDone, ReplyRequest, ReplyText
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.errors import InvalidInput, Problem, Unsupported
from voiceagent.kit.ids import new_id
from voiceagent.kit.offload import Offload
from voiceagent.ports.services import Engine, OpenedConversation
from voiceagent.ports.speech import SpeechProviders
from voiceagent.voice import files
from voiceagent.voice.routes.long_audio import words_of
from voiceagent.voice.routes.sound_stream import MEDIA_TYPES
from voiceagent.voice.routes.speech import spoken
from voiceagent.web.app import Router, body_limit
from voiceagent.web.auth import require

_log = structlog.get_logger(__name__)

MAX_QUESTION_BYTES = 25 * 1024 * 1024
MAX_QUESTION_S = 120.0


@dataclass(frozen=True, slots=True)
class TurnParts:
    """What one turn goes through. encoding: the pool in which files are encoded."""

    speech: SpeechProviders
    engine: Engine
    encoding: Offload
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True, slots=True)
class TurnQuery:
    """conversation_id: go on with it; absent: a new one.  audio: whether and how the answer is spoken."""

    conversation_id: Annotated[str | None, Query(max_length=128)] = None
    agent_id: Annotated[str, Query(max_length=128)] = DEFAULT_AGENT_ID
    language: Annotated[str | None, Query(max_length=16)] = None
    audio: Annotated[Literal["none", "wav", "mp3", "flac", "opus"], Query()] = "none"


class CitationOut(BaseModel):
    document_id: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str


class AudioOut(BaseModel):
    """The spoken answer: a whole file in base64."""

    format: str
    media_type: str
    data: str


class TimingsOut(BaseModel):
    """Milliseconds since the recording had been read."""

    transcript_ms: float
    first_token_ms: float | None
    answer_ms: float
    audio_ms: float | None
    retrieval_ms: float | None


class TurnOut(BaseModel):
    """What was heard and what is answered. audio is null when not asked for, or when `audio_error` says why it failed."""

    conversation_id: str
    turn_id: str
    transcript: str
    answer: str
    audio: AudioOut | None
    audio_error: str | None
    citations: list[CitationOut]
    timings: TimingsOut
    usage: dict[str, int]


@dataclass(slots=True)
class _Answer:
    text: str = ""
    citations: tuple[Citation, ...] = ()
    usage: TokenUsage = field(default_factory=TokenUsage)
    model: str = ""
    first_token_ms: float | None = None
    retrieval_ms: float | None = None


def turn_routes(parts: TurnParts) -> Router:
    """The route; the recording comes as the raw body (any audio/* type) or as the field `audio` or `file` of a form."""
    router = Router()
    documented: dict[int | str, dict[str, Any]] = {200: {"content": {"audio/wav": {}}}}

    @router.post("/api/v1/voice/turns", name="create_turn", response_model=TurnOut, responses=documented)
    @body_limit(MAX_QUESTION_BYTES)
    async def create_turn(
        request: Request,
        query: Annotated[TurnQuery, Depends()],
        principal: Annotated[Principal, Depends(require("talk"))],
    ) -> Any:
        """With `Accept: audio/wav` the answer is the sound alone, its ids in `X-Conversation-Id` and `X-Turn-Id`."""
        sound_only = request.headers.get("accept", "").split(";")[0].strip() == "audio/wav"
        if sound_only:
            query = replace(query, audio="wav")
        pcm = await files.decode(await _recording(request), max_s=MAX_QUESTION_S)
        exchange = _Exchange(parts, principal, query)
        answer = await exchange.run(pcm)
        if not sound_only:
            return answer
        if answer.audio is None:
            raise exchange.audio_problem or InvalidInput("nothing_to_say", "The answer has no words to speak.")
        headers = {"x-conversation-id": answer.conversation_id, "x-turn-id": answer.turn_id}
        return Response(base64.b64decode(answer.audio.data), media_type="audio/wav", headers=headers)

    return router


async def _recording(request: Request) -> bytes:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        form = await request.form(max_files=1, max_fields=8)
        upload = form.get("audio") or form.get("file")
        if not isinstance(upload, UploadFile):
            raise InvalidInput("missing_required_parameter", "The form needs a file named audio.", param="audio")
        return await upload.read()
    if media_type.startswith("audio/") or media_type == "application/octet-stream":
        return await request.body()
    raise Unsupported("unsupported_media_type", "Send a form with a file, or the recording itself as audio/*.")


class _Exchange:
    """One turn on its way: words, question stored, answer, answer stored, sound."""

    def __init__(self, parts: TurnParts, principal: Principal, query: TurnQuery) -> None:
        self._parts = parts
        self._principal = principal
        self._query = query
        self._started_s = parts.clock.monotonic_s()
        self.audio_problem: Problem | None = None

    async def run(self, pcm: bytes) -> TurnOut:
        asker = Asker(self._principal.tenant_id, self._query.agent_id, self._query.language or "")
        asked = await words_of(self._parts.speech.hearing(asker), pcm, self._query.language)
        transcript_ms = self._ms()
        if not asked:
            raise InvalidInput("no_speech", "No words were recognised in this recording.", param="audio")
        opened = await self._parts.engine.open_conversation(
            self._principal,
            agent_id=self._query.agent_id,
            conversation_id=self._query.conversation_id,
            channel="voice",
        )
        audio_in_s = pcm_seconds(pcm, SPEECH_RATE_HZ)
        turn = self._turn(opened, asked, TurnTimings(transcript_ms=transcript_ms, audio_in_s=audio_in_s))
        await self._parts.engine.record(self._principal, turn)
        answer, turn = await self._answered(opened, turn)
        answer_ms = self._ms()
        audio = await self._spoken(answer.text, opened.agent)
        return TurnOut(
            conversation_id=turn.conversation_id,
            turn_id=turn.turn_id,
            transcript=asked,
            answer=answer.text,
            audio=audio,
            audio_error=self.audio_problem.code if self.audio_problem else None,
            citations=[_citation(citation) for citation in answer.citations],
            timings=TimingsOut(
                transcript_ms=transcript_ms,
                first_token_ms=answer.first_token_ms,
                answer_ms=answer_ms,
                audio_ms=self._ms() if audio else None,
                retrieval_ms=answer.retrieval_ms,
            ),
            usage={"prompt_tokens": answer.usage.prompt_tokens, "completion_tokens": answer.usage.completion_tokens},
        )

    def _turn(self, opened: OpenedConversation, asked: str, timings: TurnTimings) -> Turn:
        conversation_id = opened.conversation.conversation_id
        now = self._parts.clock.now()
        return Turn(new_id("turn"), conversation_id, asked, "", "", "asked", now, timings)

    async def _answered(self, opened: OpenedConversation, turn: Turn) -> tuple[_Answer, Turn]:
        """The answer and the stored turn. A failure is stored too, then raised."""
        try:
            answer = await self._reply(opened, turn.asked)
        except Problem as problem:
            failed = replace(turn, state="failed", error_code=problem.code)
            await self._parts.engine.record(self._principal, failed)
            raise
        times = replace(turn.timings, first_token_ms=answer.first_token_ms, retrieval_ms=answer.retrieval_ms)
        turn = replace(
            turn,
            answer=answer.text,
            heard=answer.text,
            state="answered",
            timings=times,
            citations=answer.citations,
            model=answer.model,
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
        )
        await self._parts.engine.record(self._principal, turn)
        return answer, turn

    async def _reply(self, opened: OpenedConversation, asked: str) -> _Answer:
        request = ReplyRequest(
            tenant_id=self._principal.tenant_id,
            subject=self._principal.subject,
            agent=opened.agent,
            messages=(*messages_of(opened.turns), Message("user", asked)),
        )
        answer, words = _Answer(), list[str]()
        async for event in self._parts.engine.reply(request):
            match event:
                case ReplyText():
                    if answer.first_token_ms is None:
                        answer.first_token_ms = self._ms()
                    words.append(event.text)
                case ReplyCitation():
                    answer.citations += (event.citation,)
                case ReplyDone():
                    answer.usage, answer.model = event.usage, event.model
                    answer.retrieval_ms = event.retrieval_ms
        answer.text = "".join(words).strip()
        return answer

    async def _spoken(self, text: str, agent: Agent) -> AudioOut | None:
        """The answer's sound; a failure here must not cost the caller the answer."""
        container = self._query.audio
        if container == "none" or not text:
            return None
        asker = Asker(self._principal.tenant_id, agent.agent_id, self._query.language or agent.language)
        try:
            tts = self._parts.speech.voice(asker)
            pcm = b"".join([piece async for piece in spoken(tts, text, voice=agent.voice)])
        except Problem as problem:
            _log.warning("answer_not_spoken", code=problem.code)
            self.audio_problem = problem
            return None
        if not pcm:
            return None
        data = await self._parts.encoding.run(_file, container, pcm)
        return AudioOut(format=container, media_type=MEDIA_TYPES[container], data=base64.b64encode(data).decode())

    def _ms(self) -> float:
        return round((self._parts.clock.monotonic_s() - self._started_s) * 1000, 1)


def _file(container: str, pcm: bytes) -> bytes:
    return files.encode(pcm, WIRE_RATE_HZ, container)


def _citation(citation: Citation) -> CitationOut:
    return CitationOut(
        document_id=citation.document_id,
        title=citation.title,
        page=citation.page,
        start=citation.start,
        end=citation.end,
        quote=citation.quote,
    )
