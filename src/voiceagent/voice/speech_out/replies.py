"""The agent's side of a session: starts, releases, holds and ends answers, keeps the history true, stores what was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import structlog

from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Message, Turn
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.domain.reply import ReplyDone, ReplyEvent, ReplyRequest, ReplyText
from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import Problem
from voiceagent.kit.ids import new_id
from voiceagent.voice import messages as told
from voiceagent.voice import metrics
from voiceagent.voice import turn_words as turn
from voiceagent.voice.items import messages_of_items
from voiceagent.voice.messages import Item, ResponseOptions
from voiceagent.voice.speech_out.answer import Answer, AnswerPlan, Listener, Outcome
from voiceagent.voice.speech_out.exchange import Exchange
from voiceagent.voice.speech_out.ledger import Ledger
from voiceagent.voice.stage import Asked, Stage, VoiceParts

_log = structlog.get_logger(__name__)

STORE_GATE_S = 0.05
"""Sound waits for the question to be stored, but no longer than this; the client learns of the storing in any case."""
STORE_DEADLINE_S = 5.0
REMEMBERED_ANSWERS = 8
NOT_UNDERSTOOD = "Sorry, I did not get that. Could you say it again?"


class Replies:
    """Speaks for one session and performs the machine's effects that concern answers."""

    def __init__(self, stage: Stage, parts: VoiceParts, principal: Principal, agent: Agent) -> None:
        self._stage = stage
        self._parts = parts
        self._principal = principal
        self._agent = agent
        self._answers: dict[int, Answer] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._released: Answer | None = None
        self._ended: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None
        self._stored: asyncio.Future[object] | None = None
        self._answered: dict[int, Exchange] = {}  # by reply number, answers under way
        self._past: dict[str, tuple[Ledger, Exchange]] = {}
        self._say: str | None = None
        self._foreseen: asyncio.Task[None] | None = None
        self.options = ResponseOptions()

    @property
    def active_id(self) -> str | None:
        """The response that the client knows to be under way."""
        return self._released.plan.response_id if self._released is not None else None

    def say(self, text: str) -> None:
        """The next answer says exactly this."""
        self._say = text

    def take_up(self, turn: Turn) -> None:
        """The next answer is that of a stored turn which never got one."""
        exchange = self._exchange = Exchange(turn.conversation_id, turn.created_at, turn.turn_id)
        exchange.ask(turn.asked, turn.timings.audio_in_s)

    def asked(self, asked: Asked) -> None:
        """The caller's turn is over: keep it, and tell the client once it is stored."""
        if asked.error_code is not None:
            self._say = NOT_UNDERSTOOD
        exchange = self._exchange
        if exchange is None or not exchange.reopens or self._released is not None:
            exchange = self._exchange = self._new_exchange()
        exchange.outcome = None
        exchange.ask(asked.text, asked.audio_s)
        exchange.voiced_s, exchange.marks, exchange.error_code = asked.voiced_s, asked.marks, asked.error_code
        self._stored = self._stage.scope.start(self._store_question(exchange, asked.item_id), name="store_question")

    def foresee(self, text: str) -> None:
        """The open turn says this so far: let the engine search for it while the end of the turn is still being judged."""
        self._forget_foreseen()
        if text and self._say is None:
            request = self._request(ResponseOptions(), text)
            self._foreseen = self._stage.scope.start(self._parts.engine.prepare(request), name="prepare")

    def _forget_foreseen(self) -> None:
        """An answer that starts needs the model for itself; what was searched stays with the engine."""
        if self._foreseen is not None:
            self._foreseen.cancel()
            self._foreseen = None

    def perform(self, effect: turn.TurnEffect) -> None:
        """Do what the machine wants of the speaking side."""
        match effect:
            case turn.StartReply(reply_no, pending_text):
                self._start(reply_no, pending_text)
            case turn.ReleaseReply(reply_no):
                self._stage.scope.start(self._release(self._answers[reply_no]), name="release")
            case turn.CancelReply(reply_no, reason):
                self._cancel(reply_no, reason)
            case turn.PauseSpeaker() if self._released is not None:
                self._released.pause()
                self._stage.tell(told.SpeakerHeld(self._released.plan.item_id, True))
            case turn.ResumeSpeaker() if self._released is not None:
                self._released.resume()
                self._stage.tell(told.SpeakerHeld(self._released.plan.item_id, False))
            case turn.TellIdle():
                self._stage.tell(told.IdleTimedOut(new_id("item"), 0, 0))
                self._stage.happen(turn.ResponseRequested(self._parts.clock.monotonic_s()))
            case _:
                pass

    def played(self, item_id: str, played_ms: int) -> None:
        """The client's loudspeaker has played so much."""
        if self._released is not None and self._released.plan.item_id == item_id:
            self._released.played(played_ms / 1000)

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """The client heard no more than this of an answer; history and store follow."""
        items, active = self._stage.items, self._released
        if active is not None and active.plan.item_id == item_id:
            items.replace(replace(items.get(item_id), audio_ms=round(active.ledger.sent_s * 1000)))
            active.played(audio_end_ms / 1000)
            return
        ledger, exchange = self._past.get(item_id, (None, None))
        heard = ledger.heard(audio_end_ms / 1000) if ledger is not None else None
        item = items.truncate(item_id, audio_end_ms, heard)
        if exchange is not None and exchange.outcome is not None:
            exchange.outcome.heard, exchange.outcome.status = item.text, "cancelled"
            self._stage.scope.start(self._store(exchange), name="store_heard")

    async def settle(self) -> None:
        """Wait until every answer under way has ended and is stored; at most the store's deadline."""
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=STORE_DEADLINE_S)

    # --- one answer's life --------------------------------------------------------------------------------------------

    def _start(self, reply_no: int, pending_text: str | None) -> None:
        self._forget_foreseen()
        options, self.options = self.options, ResponseOptions()
        settings = self._stage.settings
        plan = AnswerPlan(
            reply_no=reply_no,
            response_id=new_id("resp"),
            item_id=new_id("item"),
            output=options.output or settings.output,
            voice=settings.voice or self._agent.voice,
            speed=settings.speed,
            metadata=options.metadata,
            in_conversation=options.in_conversation,
        )
        asker = Asker(self._principal.tenant_id, self._agent.agent_id, settings.language or self._agent.language)
        tts = self._parts.speech.voice(asker)
        answer = Answer(plan, self._source(options, pending_text), tts, self._parts.clock)
        self._answers[reply_no] = answer
        self._running[reply_no] = self._stage.scope.start(self._run(answer), name=f"answer{reply_no}")
        if pending_text is None:
            self._stage.scope.start(self._release(answer), name="release")

    def _source(self, options: ResponseOptions, pending_text: str | None) -> AsyncIterator[ReplyEvent]:
        said, self._say = self._say, None
        if said is not None:
            return _literal(said)
        return self._parts.engine.reply(self._request(options, pending_text))

    def _request(self, options: ResponseOptions, pending_text: str | None) -> ReplyRequest:
        messages = self._stage.items.messages() if options.input is None else messages_of_items(options.input)
        if pending_text is not None:
            messages = (*messages, Message("user", pending_text))
        settings = self._stage.settings
        return ReplyRequest(
            tenant_id=self._principal.tenant_id,
            subject=self._principal.subject,
            agent=self._agent,
            messages=messages,
            instructions=options.instructions if options.instructions is not None else settings.instructions,
            tools=settings.tools if options.tools is None else options.tools,
            tool_choice=options.tool_choice or settings.tool_choice,
            temperature=settings.temperature,
            max_output_tokens=options.max_output_tokens or settings.max_output_tokens,
            model=settings.model or None,
            spoken=(options.output or settings.output) == "audio",
            speculative=pending_text is not None,
        )

    async def _release(self, answer: Answer) -> None:
        """Let the client hear the answer, after the question is stored and the answer before it has ended."""
        before = [wait for wait in (self._stored, self._ended) if wait is not None]
        if before:
            await asyncio.wait(before, timeout=STORE_GATE_S)
        plan = answer.plan
        if plan.reply_no not in self._running:  # cancelled meanwhile: the client never knew of it
            return
        self._released = answer
        self._answered[plan.reply_no] = self._exchange_for(plan)
        previous = None
        if plan.in_conversation:
            item = Item(plan.item_id, role="assistant", spoken=plan.output == "audio", status="in_progress")
            previous = self._stage.items.add(item)
        self._stage.tell(
            told.ReplyStarted(
                plan.response_id, plan.item_id, previous, plan.output, plan.metadata, plan.in_conversation
            )
        )
        answer.release(self._listener(answer))

    def _listener(self, answer: Answer) -> Listener:
        tell, plan = self._stage.tell, answer.plan

        def audible() -> None:
            self._stage.happen(turn.ReplyAudible(self._parts.clock.monotonic_s(), plan.reply_no))

        return Listener(
            words=lambda text, at_ms: tell(told.ReplyWords(plan.response_id, plan.item_id, text, at_ms)),
            sound=lambda pcm, rate_hz: tell(told.ReplySound(plan.response_id, plan.item_id, pcm, rate_hz)),
            audible=audible,
        )

    def _cancel(self, reply_no: int, reason: str) -> None:
        answer = self._answers.get(reply_no)
        if answer is None:
            return
        if self._released is not answer:
            self._running.pop(reply_no, None)
        answer.cancel(reason)

    async def _run(self, answer: Answer) -> None:
        plan = answer.plan
        try:
            outcome = await answer.run()
        except Exception as error:  # noqa: BLE001 the boundary: a mistake of ours costs one answer, not the call
            _log.error("answer_crashed", error=type(error).__name__)
            outcome = answer.outcome
            outcome.status, outcome.reason = "failed", "internal"
        self._answers.pop(plan.reply_no, None)
        if self._released is answer:
            self._ended = asyncio.current_task()
            self._released = None
            await self._end(answer, outcome)
        self._running.pop(plan.reply_no, None)
        self._stage.happen(turn.ReplyFinished(self._parts.clock.monotonic_s(), plan.reply_no))
        if self._ended is asyncio.current_task():
            self._ended = None

    async def _end(self, answer: Answer, outcome: Outcome) -> None:
        exchange = self._answered.pop(answer.plan.reply_no)
        exchange.outcome = outcome
        if answer.plan.in_conversation:
            self._keep_item(answer, outcome)
            self._past[answer.plan.item_id] = (answer.ledger, exchange)
            while len(self._past) > REMEMBERED_ANSWERS:
                self._past.pop(next(iter(self._past)))
            await self._store(exchange)
        metrics.answered(exchange.timings(), outcome.status, outcome.reason)
        self._stage.happen(turn.ReplyFinished(self._parts.clock.monotonic_s(), answer.plan.reply_no))
        self._tell_end(answer.plan, outcome, exchange)

    def _keep_item(self, answer: Answer, outcome: Outcome) -> None:
        items, item_id = self._stage.items, answer.plan.item_id
        if item_id in items:
            whole = outcome.status == "completed"
            item = replace(items.get(item_id), text=outcome.heard, audio_ms=outcome.audio_ms)
            items.replace(replace(item, status="completed" if whole else "incomplete"))
        for call in outcome.calls:
            items.add(Item(new_id("item"), kind="function_call", role="assistant", call=call))

    def _tell_end(self, plan: AnswerPlan, outcome: Outcome, exchange: Exchange) -> None:
        for index, call in enumerate(outcome.calls, start=1):
            item_id = next((i.item_id for i in self._stage.items if i.call == call), new_id("item"))
            self._stage.tell(told.ReplyToolCall(plan.response_id, item_id, index, call))
        self._stage.tell(
            told.ReplyEnded(
                response_id=plan.response_id,
                item_id=plan.item_id,
                status=outcome.status,
                status_reason=outcome.reason,
                text=outcome.text.strip(),
                heard=outcome.heard,
                audio_ms=outcome.audio_ms,
                usage=outcome.usage,
                timings=exchange.timings(),
                citations=tuple(outcome.citations),
                message=outcome.message,
            )
        )

    # --- storing ------------------------------------------------------------------------------------------------------

    def _new_exchange(self) -> Exchange:
        return Exchange(self._stage.conversation_id, self._parts.clock.now())

    def _exchange_for(self, plan: AnswerPlan) -> Exchange:
        """The exchange that this answer belongs to: the open question, or what was written since the last answer."""
        exchange = self._exchange
        if plan.in_conversation and exchange is not None and exchange.outcome is None:
            return exchange
        exchange = self._new_exchange()
        exchange.asked = _unanswered_text(tuple(self._stage.items))
        if plan.in_conversation:
            self._exchange = exchange
        return exchange

    async def _store_question(self, exchange: Exchange, item_id: str) -> None:
        if await self._store(exchange) and item_id in self._stage.items:
            item = self._stage.items.get(item_id)
            self._stage.tell(told.ItemDone(item, self._stage.items.previous_of(item_id)))

    async def _store(self, exchange: Exchange) -> bool:
        """Store the exchange as it is. A failure is told to the client and turns an answer into a failed one."""
        try:
            async with asyncio.timeout(STORE_DEADLINE_S):
                await self._parts.engine.record(self._principal, exchange.turn())
        except (Problem, TimeoutError) as problem:
            code = problem.code if isinstance(problem, Problem) else "store_unavailable"
            if exchange.outcome is not None:
                exchange.outcome.status, exchange.outcome.reason = "failed", code
            self._stage.tell(told.Failed(code, "this turn could not be stored"))
            return False
        return True


async def _literal(text: str) -> AsyncIterator[ReplyEvent]:
    yield ReplyText(text)
    yield ReplyDone("stop", TokenUsage(), "")


def _unanswered_text(items: tuple[Item, ...]) -> str:
    """What was written by the caller since the last answer: the question of a turn that was not spoken."""
    texts: list[str] = []
    for item in reversed(items):
        if item.kind != "message" or item.role == "assistant":
            if item.status != "in_progress":
                break
            continue
        if item.role == "user" and not item.spoken:
            texts.append(item.text)
    return " ".join(reversed(texts))
