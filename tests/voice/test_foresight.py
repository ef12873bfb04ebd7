"""What a caller says reaches the engine before the turn is over, so that it can search while the end of the turn is still open."""

from __future__ import annotations

from tests.support.virtual_time import run
from tests.voice.call import Brain, Script, place

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
    assert [one.messages[-1].text for one in brain.prepared] == ["I want to know when"]
    assert brain.prepared[0].speculative
    assert brain.prepared[0].subject == brain.requests[0].subject


def test_preparing_ends_when_the_answer_starts() -> None:
    brain = Brain(prepare_s=60.0)
    call = run(place(Script().say("I want to know when", 0.5, 2.0), until_s=12.0, brain=brain))
    assert brain.prepared
    assert brain.preparing == 0
    assert call.turns[0].state == "answered"
