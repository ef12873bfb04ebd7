"""What a caller says reaches the engine before the turn is over, so that it can search while the end of the turn is still open."""

from __future__ import annotations

from tests.support.virtual_time import run
from tests.voice.call import NOISE, Brain, Script, place

from voiceagent.voice import messages as told


def test_a_finished_question_is_searched_by_its_draft_before_the_turn_is_over() -> None:
    brain = Brain()
    call = run(place(Script().say("when does the office open?", 0.5, 2.0), until_s=8.0, brain=brain, judge_s=0.3))
    assert brain.requests[0].speculative
    assert brain.requests[0].messages[-1].text == "when does the office open?"
    assert len(call.of(told.ReplyEnded)) == 1


def test_an_unfinished_one_is_prepared_at_its_pause() -> None:
    brain = Brain()
    script = Script().say("I want to know when", 0.5, 2.0).say("the office opens.", 2.9, 3.6)
    run(place(script, until_s=9.0, brain=brain))
    assert [one.messages[-1].text for one in brain.prepared] == ["I", "I want to know when"]
    assert brain.prepared[0].speculative
    assert brain.prepared[0].subject == brain.requests[0].subject


def test_preparing_ends_when_the_answer_starts() -> None:
    brain = Brain(prepare_s=60.0)
    call = run(place(Script().say("I want to know when", 0.5, 2.0), until_s=12.0, brain=brain))
    assert brain.prepared
    assert brain.preparing == 0
    assert call.turns[0].state == "answered"


LONG = "please tell me when the office of the harbour master opens on a Sunday in winter"


def test_words_are_shown_and_prepared_while_the_caller_speaks() -> None:
    brain = Brain()
    call = run(place(Script().say(f"{LONG}.", 0.5, 5.5), until_s=10.0, brain=brain))
    words = f"{LONG}.".split()
    early = [one.messages[-1].text.split() for one in brain.prepared[:-1]]
    assert len(early) >= 3
    assert all(said == words[: len(said)] for said in early)
    assert [len(said) for said in early] == sorted({len(said) for said in early}), "each knows more than the one before"
    shown = [(at_s, event.text) for at_s, event in call.told if isinstance(event, told.TranscriptDelta)]
    assert shown[0][0] < 4.0, "long before the end"
    assert "".join(text for _, text in shown).split() == words
    assert call.turns[0].asked == f"{LONG}."


def test_a_slow_recogniser_is_asked_less_and_never_stands_in_the_way_of_the_whole() -> None:
    call = run(place(Script().say(f"{LONG}.", 0.5, 5.5), until_s=10.0, stt_s=0.6))
    assert call.ears.transcribed <= 3, "at 1.3 and 4.3 s, and the whole"
    assert call.turns[0].asked == f"{LONG}."
    assert len(call.of(told.ReplyEnded)) == 1


def test_nothing_is_shown_of_a_sound_over_the_agent_that_may_be_no_interruption() -> None:
    script = Script().say("what is the weather like?", 0.5, 2.0).say(NOISE, 3.2, 5.0)
    call = run(place(script, until_s=9.0))
    assert all(at_s < 3.2 for at_s in call.times(told.TranscriptDelta))
    assert call.turns[0].state == "answered"


def test_a_recogniser_that_may_cost_money_is_asked_at_the_pauses_alone() -> None:
    call = run(place(Script().say(f"{LONG}.", 0.5, 5.5), until_s=10.0, local=False))
    assert call.ears.transcribed == 1
    assert call.turns[0].asked == f"{LONG}."
