"""Scripted conversations in virtual time: what a caller says and when, what the session tells and when. Every figure is exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.virtual_time import run
from tests.voice.call import NOISE, Brain, Call, Script, place

from voiceagent.domain.conversation import ToolCall, Turn
from voiceagent.domain.reply import ToolSpec
from voiceagent.kit.errors import Conflict, InvalidInput, Unavailable
from voiceagent.kit.offload import Offload
from voiceagent.voice import messages as told
from voiceagent.voice.messages import Item, ResponseOptions, SessionSettings, TurnDetection
from voiceagent.voice.recorder import Recorder, replay
from voiceagent.voice.rules import rules_of

QUESTION = Script().say("what is the weather like?", 0.5, 2.0)


def test_a_question_is_answered_half_a_second_after_its_last_word() -> None:
    call = run(place(QUESTION, until_s=8.0))
    assert call.kinds[:10] == [
        "SpeechStarted",
        "TranscriptDelta",  # of what is certain while the caller speaks
        "SpeechStopped",
        "AudioCommitted",
        "ItemAdded",
        "TranscriptDelta",
        "TranscriptCompleted",
        "ItemDone",
        "ReplyStarted",
        "ReplyWords",
    ]
    assert call.kinds[-1] == "ReplyEnded"
    assert call.times(told.ReplySound)[0] - 2.0 <= 0.5
    [turn] = call.turns
    assert turn.asked == "what is the weather like?"
    assert turn.heard == turn.answer == "It is sunny today. Tomorrow it will rain all day long."
    assert turn.state == "answered"
    stages = turn.timings
    assert 30 <= stages.soft_end_ms <= 130
    assert (
        stages.soft_end_ms
        < stages.transcript_ms
        < stages.first_token_ms
        <= stages.first_clause_ms
        < stages.first_audio_ms
    )
    assert turn.timings.first_audio_ms == pytest.approx((call.times(told.ReplySound)[0] - 2.0) * 1000, abs=45)


def test_sound_is_sent_at_most_200_ms_ahead_of_its_playback() -> None:
    call = run(place(QUESTION, until_s=8.0))
    first_s, sent_s = call.times(told.ReplySound)[0], 0.0
    for at_s, event in call.told:
        if isinstance(event, told.ReplySound):
            assert sent_s - (at_s - first_s) <= 0.2 + 1e-6
            sent_s += len(event.pcm) / 2 / event.rate_hz


def test_a_pause_that_does_not_sound_finished_is_waited_out() -> None:
    script = Script().say("I want a coffee with", 0.5, 2.0).say("milk please.", 2.9, 3.6)
    call = run(place(script, until_s=9.0))
    [turn] = call.turns
    assert turn.asked == "I want a coffee with milk please."
    assert len(call.of(told.SpeechStarted)) == len(call.of(told.ReplyStarted)) == 1


def test_a_draft_is_thrown_away_unheard_and_unstored_when_the_caller_goes_on() -> None:
    script = Script().say("book a table.", 0.5, 1.5).say("for two people.", 1.68, 2.6)
    call = run(place(script, until_s=9.0, judge_s=0.3))
    [turn] = call.turns
    assert turn.asked == "book a table. for two people."
    assert len(call.brain.requests) >= 2
    assert call.brain.requests[0].speculative
    assert call.brain.stopped >= 1
    assert len(call.of(told.ReplyStarted)) == 1


def test_words_after_the_commit_and_before_the_sound_join_the_question() -> None:
    script = Script().say("book a table.", 0.5, 1.5).say("for two people.", 1.95, 2.8)
    call = run(place(script, until_s=9.0, brain=Brain(first_token_s=0.9)))
    [turn] = call.turns
    assert turn.asked == "book a table. for two people."
    assert turn.state == "answered"
    asked = [message.text for message in call.brain.requests[-1].messages]
    assert asked == ["book a table.", "for two people."]


def test_talking_over_the_agent_stops_it_and_history_keeps_what_was_heard() -> None:
    script = Script().say("what is the weather like?", 0.5, 2.0).say("no stop I meant tomorrow.", 4.0, 5.5)
    call = run(place(script, until_s=12.0))
    last_sound_s = max(at_s for at_s in call.times(told.ReplySound) if at_s < 5.5)
    assert last_sound_s - 4.0 <= 0.2
    first, second = call.turns
    assert first.state == "interrupted"
    assert first.answer.startswith(first.heard)
    assert 0 < len(first.heard) < len(first.answer)
    assert second.asked == "no stop I meant tomorrow."
    spoken = [message.text for message in call.brain.requests[-1].messages if message.role == "assistant"]
    assert spoken == [first.heard]
    ended = call.of(told.ReplyEnded)[0]
    assert (ended.status, ended.status_reason) == ("cancelled", "turn_detected")


@pytest.mark.parametrize("sound", ["mm-hmm", "yeah okay", NOISE, "got it"])
def test_a_cough_or_an_acknowledgement_holds_the_agent_and_it_goes_on_from_the_same_word(sound: str) -> None:
    script = Script().say("what is the weather like?", 0.5, 2.0).say(sound, 4.0, 4.4)
    call = run(place(script, until_s=12.0))
    undisturbed = run(place(QUESTION, until_s=12.0))
    [turn] = call.turns
    assert turn.state == "answered"
    assert turn.heard == undisturbed.turns[0].heard
    assert call.sound_s() == pytest.approx(undisturbed.sound_s())
    assert [event.held for event in call.of(told.SpeakerHeld)] == [True, False]
    assert len(call.of(told.SpeechStarted)) == 1
    held_s, resumed_s = call.times(told.SpeakerHeld)
    assert held_s - 4.0 <= 0.15
    assert resumed_s - held_s <= 0.7


def test_endless_noise_over_the_agent_does_not_silence_it() -> None:
    script = Script().say("what is the weather like?", 0.5, 2.0).say(NOISE, 4.0, 14.0)
    call = run(place(script, until_s=16.0))
    assert call.turns[0].state == "answered"
    held_s, resumed_s = call.times(told.SpeakerHeld)
    assert resumed_s - held_s <= 1.7


def test_noise_alone_is_forgotten() -> None:
    call = run(place(Script().say(NOISE, 0.5, 1.0), until_s=5.0))
    assert call.turns == []
    assert call.of(told.ReplyStarted) == []


def test_three_turns_in_a_row_keep_their_order_and_their_history() -> None:
    script = (
        Script().say("first question?", 0.5, 1.5).say("second question?", 5.0, 6.0).say("third question?", 9.5, 10.5)
    )
    call = run(place(script, until_s=15.0, brain=Brain(answers=["One answer.", "Two answers.", "Three answers."])))
    assert [turn.asked for turn in call.turns] == ["first question?", "second question?", "third question?"]
    assert [turn.heard for turn in call.turns] == ["One answer.", "Two answers.", "Three answers."]
    assert [message.text for message in call.brain.requests[-1].messages] == [
        "first question?",
        "One answer.",
        "second question?",
        "Two answers.",
        "third question?",
    ]


def test_a_fixed_silence_is_waited_for_when_the_client_asks_for_it() -> None:
    detection = TurnDetection(kind="server_vad", silence_duration_ms=900)
    call = run(place(QUESTION, until_s=9.0, settings=SessionSettings(turn_detection=detection)))
    assert call.times(told.SpeechStopped)[0] - 2.0 == pytest.approx(0.9, abs=0.05)
    assert call.of(told.ReplyEnded)[0].timings.first_audio_ms <= 1000


def test_without_create_response_the_client_asks_for_the_answer() -> None:
    def ask(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(4.0):
            call.session.create_response(ResponseOptions(metadata={"topic": "weather"}))

    settings = SessionSettings(turn_detection=TurnDetection(create_response=False))
    call = run(place(QUESTION, until_s=9.0, settings=settings, during=ask))
    assert call.times(told.ReplyStarted)[0] >= 4.0
    assert call.of(told.ReplyStarted)[0].metadata == {"topic": "weather"}
    assert call.turns[0].asked == "what is the weather like?"


def test_without_interrupt_response_the_agent_finishes_and_then_answers() -> None:
    settings = SessionSettings(turn_detection=TurnDetection(interrupt_response=False))
    script = Script().say("what is the weather like?", 0.5, 2.0).say("and what about tomorrow?", 3.5, 4.5)
    call = run(place(script, until_s=14.0, settings=settings))
    assert [turn.state for turn in call.turns] == ["answered", "answered"]
    assert call.times(told.ReplyStarted)[1] >= call.times(told.ReplyEnded)[0]
    assert call.of(told.SpeakerHeld) == []


def test_manual_turns_wait_for_the_client() -> None:
    def act(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(3.0):
            call.session.commit_audio()
            call.session.create_response(ResponseOptions())

    call = run(place(QUESTION, until_s=9.0, settings=SessionSettings(turn_detection=None), during=act))
    assert call.of(told.SpeechStarted) == []
    assert call.kinds[0] == "AudioCommitted"
    assert call.turns[0].asked == "what is the weather like?"
    assert call.turns[0].state == "answered"


def test_an_empty_commit_is_refused_and_nothing_else_happens() -> None:
    def act(call: Call, at_s: float) -> None:
        if at_s == 0.0:
            with pytest.raises(InvalidInput, match="100 ms") as refusal:
                call.session.commit_audio()
            assert refusal.value.code == "input_audio_buffer_commit_empty"

    call = run(place(Script(), until_s=1.0, settings=SessionSettings(turn_detection=None), during=act))
    assert call.told == []


def test_cleared_sound_is_gone() -> None:
    def act(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(1.8):
            call.session.clear_audio()

    script = Script().say("forget this", 0.5, 1.5).say("keep this.", 2.5, 3.2)
    call = run(place(script, until_s=8.0, during=act))
    assert [turn.asked for turn in call.turns] == ["keep this."]


def test_unrecognised_speech_is_told_and_apologised_for_within_three_seconds() -> None:
    failure = Unavailable("stt_unavailable", "the recogniser does not answer")
    call = run(place(QUESTION, until_s=9.0, failure=failure))
    [failed] = call.of(told.TranscriptFailed)
    assert failed.code == "stt_unavailable"
    assert call.times(told.ReplySound)[0] - 2.0 <= 3.0
    assert call.turns[0].state == "failed"
    assert call.turns[0].error_code == "stt_unavailable"


def test_a_dead_model_is_apologised_for_and_the_next_turn_works() -> None:
    brain = Brain(failure=Unavailable("llm_unavailable", "the model does not answer"))

    def heal(call: Call, at_s: float) -> None:
        if at_s > 6.0:
            brain.failure = None

    script = Script().say("what is the weather like?", 0.5, 2.0).say("try that again?", 8.0, 9.0)
    call = run(place(script, until_s=16.0, brain=brain, during=heal))
    first, second = call.of(told.ReplyEnded)
    assert (first.status, first.status_reason) == ("failed", "llm_unavailable")
    assert call.times(told.ReplySound)[0] - 2.0 <= 3.0
    assert second.status == "completed"
    assert [turn.state for turn in call.turns] == ["failed", "answered"]


def test_a_model_that_never_answers_is_given_up() -> None:
    call = run(place(QUESTION, until_s=20.0, brain=Brain(stall_s=1000.0)))
    [ended] = call.of(told.ReplyEnded)
    assert (ended.status, ended.status_reason) == ("cancelled", "reply_late")
    assert call.brain.stopped == 1


def test_a_turn_that_cannot_be_stored_is_never_told_as_done() -> None:
    brain = Brain(store_failure=Unavailable("store_unavailable", "the database does not answer"))
    call = run(place(QUESTION, until_s=9.0, brain=brain))
    assert call.of(told.ItemDone) == []
    assert call.of(told.ReplyEnded)[0].status == "failed"
    assert {event.code for event in call.of(told.Failed)} == {"store_unavailable"}


def test_a_written_question_gets_a_written_answer() -> None:
    def write(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(0.5):
            call.session.add_item(Item("item_q", text="How warm is it?"), None)
            call.session.create_response(ResponseOptions(output="text"))

    call = run(place(Script(), until_s=4.0, during=write))
    assert call.of(told.ReplySound) == []
    assert "".join(event.text for event in call.of(told.ReplyWords)).strip() == call.turns[0].answer
    assert call.turns[0].asked == "How warm is it?"
    assert call.turns[0].state == "answered"


def test_a_second_answer_at_the_same_time_is_refused() -> None:
    refused = []

    def ask_twice(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(3.0):
            with pytest.raises(Conflict) as refusal:
                call.session.create_response(ResponseOptions())
            refused.append(refusal.value.code)

    call = run(place(QUESTION, until_s=9.0, during=ask_twice))
    assert refused == ["conversation_already_has_active_response"]
    assert len(call.of(told.ReplyEnded)) == 1


def test_the_client_cancels_an_answer() -> None:
    def cancel(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(3.2):
            call.session.cancel_response(None)
            with pytest.raises(Conflict):
                call.session.cancel_response("resp_unknown")

    call = run(place(QUESTION, until_s=9.0, during=cancel))
    [ended] = call.of(told.ReplyEnded)
    assert (ended.status, ended.status_reason) == ("cancelled", "client_cancelled")
    assert max(call.times(told.ReplySound)) <= 3.3
    assert call.turns[0].heard in call.turns[0].answer


def test_truncation_after_the_end_corrects_history_and_store() -> None:
    def truncate(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(8.0):
            item = call.of(told.ReplyStarted)[0].item_id
            call.session.truncate_item(item, 1200)

    call = run(place(QUESTION, until_s=9.0, during=truncate))
    assert call.turns[0].heard == "It is sunny today."
    assert [item.text for item in call.session.items][-1] == "It is sunny today."


def test_a_tool_is_asked_of_the_client_and_its_answer_goes_into_the_next_reply() -> None:
    brain = Brain(answers=["Let me look."], calls=(ToolCall("call_1", "weather", '{"day":"today"}'),))

    def serve(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(6.0):
            brain.calls = ()
            output = Item("item_out", kind="function_call_output", text="sunny", call=ToolCall("call_1", "", ""))
            call.session.add_item(output, None)
            call.session.create_response(ResponseOptions())

    settings = SessionSettings(tools=(ToolSpec("weather", "the weather", {}),))
    call = run(place(QUESTION, until_s=12.0, brain=brain, settings=settings, during=serve))
    [asked] = call.of(told.ReplyToolCall)
    assert asked.call.name == "weather"
    assert [message.role for message in brain.requests[-1].messages][-2:] == ["assistant", "tool"]


def test_a_greeting_opens_the_call() -> None:
    call = run(place(Script(), until_s=4.0, greeting="Hello, how can I help?"))
    assert call.times(told.ReplySound)[0] <= 0.2
    assert call.turns[0].heard == "Hello, how can I help?"
    assert call.brain.requests == []


def test_nobody_speaking_is_noticed_when_the_client_wants_to_know() -> None:
    settings = SessionSettings(turn_detection=TurnDetection(idle_timeout_ms=5000))
    call = run(place(QUESTION, until_s=14.0, settings=settings))
    assert len(call.of(told.IdleTimedOut)) == 1
    assert call.times(told.IdleTimedOut)[0] - call.times(told.ReplyEnded)[0] == pytest.approx(5.0, abs=0.1)


def test_a_long_story_with_pauses_is_one_turn_and_is_not_recognised_from_the_start_each_time() -> None:
    lengths_s = []

    class Counting(Script):
        def recognise(self, pcm: bytes) -> str:
            lengths_s.append(len(pcm) / 32000)
            return super().recognise(pcm)

    script = Counting()
    for index in range(6):
        words = " ".join(f"word{index}{letter}" for letter in "abcdefghij") + " and"
        script.say(words, 0.5 + index * 6.0, 5.5 + index * 6.0)
    script.say("that is all.", 36.5, 37.5)
    call = run(place(script, until_s=42.0))
    [turn] = call.turns
    assert turn.asked.split() == script.words
    assert max(lengths_s) < 16.0


def test_ten_minutes_of_sound_at_once_are_heard_and_the_session_lives_on() -> None:
    def flood(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(1.0):
            for _ in range(10_000):
                call.session.on_frame(bytes(640))

    script = Script().say("are you still there?", 3.0, 4.2)
    call = run(place(script, until_s=10.0, during=flood))
    assert [turn.asked for turn in call.turns] == ["are you still there?"]


def test_what_was_heard_is_stored_when_the_caller_hangs_up_mid_answer() -> None:
    call = run(place(QUESTION, until_s=3.6))
    [turn] = call.turns
    assert turn.state == "interrupted"
    assert turn.answer.startswith(turn.heard)
    assert turn.heard


def test_a_recording_replays_to_the_same_decisions(tmp_path: Path) -> None:
    class Inline(Offload):
        async def run(self, function, *args, **kwargs):  # type: ignore[no-untyped-def, override]
            return function(*args, **kwargs)

    settings = SessionSettings()
    writer = Inline("record", threads=1)
    recorder = Recorder(tmp_path / "sess", rules_of(settings), writer)
    script = Script().say("what is the weather like?", 0.5, 2.0).say("no stop please.", 4.0, 5.0)
    call = run(place(script, until_s=10.0, settings=settings, recorder=recorder))
    steps = list(replay(tmp_path / "sess"))
    assert len(steps) > 10
    assert all(now == then for _, now, then in steps)
    assert (tmp_path / "sess" / "caller.pcm").stat().st_size == round(10.0 * 32000)
    assert (tmp_path / "sess" / "agent.pcm").stat().st_size == round(call.sound_s() * 48000)
    assert (tmp_path / "sess" / "events.jsonl").stat().st_mode & 0o077 == 0


def test_settings_changed_mid_call_count_for_the_next_turn() -> None:
    def change(call: Call, at_s: float) -> None:
        if at_s == pytest.approx(6.5):
            call.session.update(replace(call.session.settings, instructions="Answer in rhyme.", voice="other"))

    script = Script().say("what is the weather like?", 0.5, 2.0).say("and tomorrow then?", 8.0, 9.0)
    call = run(place(script, until_s=14.0, during=change))
    assert call.brain.requests[0].instructions is None
    assert call.brain.requests[-1].instructions == "Answer in rhyme."


def _left(state: str, age_s: float) -> Callable[[datetime], tuple[Turn, ...]]:
    """A conversation whose last question was asked so long ago."""

    def turns(now: datetime) -> tuple[Turn, ...]:
        asked = Turn("turn_1", "conv_1", "what is the weather like?", "", "", state, now - timedelta(seconds=age_s))  # type: ignore[arg-type]
        return (asked,)

    return turns


def test_a_question_whose_process_died_is_answered_when_its_caller_comes_back() -> None:
    call = run(place(Script(), until_s=8.0, before=_left("asked", 5)))
    assert call.of(told.ReplyEnded)[0].status == "completed"
    assert [message.text for message in call.brain.requests[0].messages] == ["what is the weather like?"]
    [turn] = call.turns
    assert (turn.turn_id, turn.asked, turn.state) == ("turn_1", "what is the weather like?", "answered")
    assert turn.heard == turn.answer == "It is sunny today. Tomorrow it will rain all day long."


@pytest.mark.parametrize(("state", "age_s"), [("asked", 3_600), ("answered", 5), ("failed", 5), ("interrupted", 5)])
def test_what_is_history_is_not_answered_again(state: str, age_s: float) -> None:
    assert run(place(Script(), until_s=2.0, before=_left(state, age_s))).told == []
