"""One spoken conversation: feeds the turn machine and performs its effects. Decides nothing about turns, knows nothing of the wire."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

from voiceagent.domain.conversation import Turn, messages_of
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.kit.errors import Conflict, InvalidInput, Problem
from voiceagent.kit.ids import new_id
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.services import OpenedConversation
from voiceagent.voice import messages as told
from voiceagent.voice import turn_words as turn
from voiceagent.voice.items import History
from voiceagent.voice.messages import Item, ResponseOptions, SessionEvent, SessionSettings
from voiceagent.voice.recorder import Recorder
from voiceagent.voice.rules import rules_of
from voiceagent.voice.speech_in.caller import Caller
from voiceagent.voice.speech_out.replies import Replies
from voiceagent.voice.stage import VoiceParts
from voiceagent.voice.turn import next_wake_s, step

MIN_COMMIT_S = 0.1
"""The realtime protocol calls a shorter buffer empty."""
TAKEN_UP_WITHIN = timedelta(seconds=60)
"""A question this young is answered when its conversation goes on; an older one is history."""


class VoiceSession:
    """See the methods: what a client may do. Everything that happens comes out of `events`, in order."""

    def __init__(
        self,
        parts: VoiceParts,
        principal: Principal,
        opened: OpenedConversation,
        settings: SessionSettings,
        recorder: Recorder | None = None,
    ) -> None:
        self.session_id = new_id("sess")
        self.conversation_id = opened.conversation.conversation_id
        self.settings = settings
        self.items = History(_items_of(opened))
        self._clock = parts.clock
        self._recorder = recorder
        self._out: asyncio.Queue[SessionEvent | None] = asyncio.Queue()
        self.scope = TaskScope(f"session.{self.session_id}", on_failure=self._task_failed)
        self._state = turn.TurnState(rules=rules_of(settings))
        self._pending: deque[turn.TurnEvent] = deque()
        self._stepping = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._when_closed: Callable[[], None] = lambda: None
        asker = Asker(principal.tenant_id, opened.agent.agent_id, opened.agent.language)
        self._replies = Replies(self, parts, principal, opened.agent)
        self._caller = Caller(self, parts, asker, self._replies.asked, self._replies.foresee)
        if opened.agent.greeting and not opened.turns and settings.turn_detection is not None:
            self._replies.say(opened.agent.greeting)
            self.happen(turn.ResponseRequested(self.now_s()))
        unanswered = _unanswered(opened, self._clock.now())
        if unanswered is not None and settings.turn_detection is not None:
            self._replies.take_up(unanswered)
            self.happen(turn.ResponseRequested(self.now_s()))

    # --- what a client may do -----------------------------------------------------------------------------------------

    def on_frame(self, pcm: bytes) -> None:
        """The caller's sound: s16le mono 16 kHz, any length. Never blocks."""
        if self._recorder is not None:
            self._recorder.caller(pcm)
        self._caller.hear(pcm)

    def commit_audio(self) -> None:
        """End the caller's turn. Raises InvalidInput `input_audio_buffer_commit_empty` with less than 100 ms of sound."""
        if self._caller.open_s() < MIN_COMMIT_S:
            raise InvalidInput("input_audio_buffer_commit_empty", "there is less than 100 ms of audio in the buffer")
        self._caller.close_turn()
        self.happen(turn.AudioCommitted(self.now_s()))

    def clear_audio(self) -> None:
        """Throw away the sound that is not committed."""
        self._caller.forget()
        self.happen(turn.AudioCleared(self.now_s()))
        self.tell(told.AudioCleared())

    def update(self, settings: SessionSettings) -> None:
        """Use these settings from now on; an answer under way keeps its own."""
        self.settings = settings
        self._caller.detect(settings.turn_detection)
        self.happen(turn.RulesChanged(self.now_s(), rules_of(settings)))

    def add_item(self, item: Item, previous_item_id: str | None) -> None:
        """Put an item into the conversation. Raises InvalidInput `item_invalid_previous_id` or `item_duplicate_id`."""
        previous = self.items.add(item, previous_item_id)
        self.tell(told.ItemAdded(item, previous))
        self.tell(told.ItemDone(item, previous))

    def delete_item(self, item_id: str) -> None:
        """Raises InvalidInput `item_delete_invalid_item_id`."""
        self.items.delete(item_id)
        self.tell(told.ItemDeleted(item_id))

    def retrieve_item(self, item_id: str) -> None:
        """Raises InvalidInput `item_retrieve_invalid_item_id`."""
        self.tell(told.ItemRetrieved(self.items.get(item_id)))

    def truncate_item(self, item_id: str, audio_end_ms: int) -> None:
        """The client played the answer only so far. Raises InvalidInput when there is no such sound."""
        self._replies.truncate(item_id, audio_end_ms)
        self.tell(told.ItemTruncated(item_id, audio_end_ms))

    def create_response(self, options: ResponseOptions) -> None:
        """Answer now. Raises Conflict `conversation_already_has_active_response`."""
        if self._state.mouth not in ("silent", "drafting"):
            raise Conflict("conversation_already_has_active_response", "an answer is already under way")
        self._replies.options = options
        self.happen(turn.ResponseRequested(self.now_s()))

    def cancel_response(self, response_id: str | None) -> None:
        """Stop the answer. Raises Conflict `response_cancel_not_active` when there is none, or not that one."""
        active = self._replies.active_id
        if active is None or response_id not in (None, active):
            raise Conflict("response_cancel_not_active", "there is no such answer under way")
        self.happen(turn.CancelRequested(self.now_s()))

    def played(self, item_id: str, played_ms: int) -> None:
        """The client's loudspeaker has played so much of this answer."""
        self._replies.played(item_id, played_ms)

    async def events(self) -> AsyncIterator[SessionEvent]:
        """What to tell the client; ends when the session is closed."""
        while (event := await self._out.get()) is not None:
            yield event

    def on_close(self, call: Callable[[], None]) -> None:
        """`call` is called once, when the session has ended."""
        self._when_closed = call

    async def close(self, reason: str) -> None:
        """End everything; what was heard of an answer under way is stored first. Idempotent."""
        if self._closed:
            return
        self.happen(turn.CancelRequested(self.now_s()))
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._replies.settle()
        await self.scope.close()
        if self._recorder is not None:
            await self._recorder.close(reason)
        self._out.put_nowait(None)
        self._when_closed()

    # --- what the session's parts use ---------------------------------------------------------------------------------

    def now_s(self) -> float:
        return self._clock.monotonic_s()

    @property
    def state(self) -> turn.TurnState:
        return self._state

    @property
    def owes(self) -> bool:
        """Whether the caller has said something and waits: for words, for an answer, or for the rest of one."""
        state = self._state
        unheard = state.ear == "closing" or (state.ear == "pausing" and state.text is None)
        return unheard or state.owed or state.mouth in ("answering", "speaking")

    def tell(self, event: SessionEvent) -> None:
        """Tell the client, in order."""
        if self._recorder is not None:
            self._recorder.told(self.now_s(), event)
        self._out.put_nowait(event)

    def happen(self, event: turn.TurnEvent) -> None:
        """Feed the turn machine and perform what it wants. Events caused by effects wait their turn."""
        if self._closed:
            return
        self._pending.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._pending:
                self._step(self._pending.popleft())
        finally:
            self._stepping = False
        self._set_timer()

    def _step(self, event: turn.TurnEvent) -> None:
        self._state, effects = step(self._state, event)
        if self._recorder is not None:
            self._recorder.stepped(event, effects)
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: turn.TurnEffect) -> None:
        if not self._caller.perform(effect):
            self._replies.perform(effect)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_s = next_wake_s(self._state)
        if wake_s is not None:
            delay_s = max(0.0, wake_s - self.now_s())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake, wake_s)

    def _wake(self, wanted_s: float) -> None:
        self.happen(turn.Ticked(max(wanted_s, self.now_s())))  # timers may fire a little early

    def _task_failed(self, _name: str, failure: BaseException) -> None:
        code = failure.code if isinstance(failure, Problem) else "internal"
        self.tell(told.Failed(code, failure.message if isinstance(failure, Problem) else "something went wrong inside"))


def _unanswered(opened: OpenedConversation, now: datetime) -> Turn | None:
    """The last turn when its caller still waits for the answer: who was to give it is gone, as a process that died."""
    last = opened.turns[-1] if opened.turns else None
    waits = last is not None and last.state == "asked" and bool(last.asked) and now - last.created_at <= TAKEN_UP_WITHIN
    return last if waits else None


def _items_of(opened: OpenedConversation) -> tuple[Item, ...]:
    """Stored turns as items, so that a resumed conversation goes on."""
    messages = messages_of(opened.turns)
    return tuple(
        Item(new_id("item"), role="assistant" if m.role == "assistant" else "user", text=m.text) for m in messages
    )
