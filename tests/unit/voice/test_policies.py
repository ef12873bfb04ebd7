"""The small pure policies: when silence is enough, what interrupts, where clauses end, what was heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceagent.voice.backchannel import wants_the_floor
from voiceagent.voice.endpoint import Pause, is_over, silence_needed_s
from voiceagent.voice.segment import WINDOW_S, SegmentRules, SegmentState, advance
from voiceagent.voice.speech_in.partial import StablePrefix
from voiceagent.voice.speech_out.clause import ClauseCutter
from voiceagent.voice.speech_out.ledger import Ledger
from voiceagent.voice.speech_out.pacer import LEAD_S, PlaybackClock


def test_a_finished_tone_needs_less_silence_than_an_unfinished_one() -> None:
    waits = [
        silence_needed_s(Pause(probability, "book a table")) for probability in (0.95, 0.75, 0.55, 0.35, 0.15, 0.05)
    ]
    assert waits == sorted(waits)
    assert waits[0] <= 0.3


@pytest.mark.parametrize(
    "text", ["a coffee with", "I was going to,", "book it and", "um", "well…", "my number is five five one"]
)
def test_words_that_cannot_end_are_waited_for_whatever_the_tone(text: str) -> None:
    assert silence_needed_s(Pause(0.99, text)) >= 1.0


@pytest.mark.parametrize("text", ["can you do that", "yes please", "turn it on", "where are you from?"])
def test_words_that_often_end_are_not_held_against_the_caller(text: str) -> None:
    assert silence_needed_s(Pause(0.95, text)) <= 0.35


@given(st.one_of(st.none(), st.floats(0, 1)), st.text(max_size=40), st.sampled_from(["low", "medium", "high", "auto"]))
def test_no_wait_is_longer_than_the_eagerness_allows(probability, text, eagerness) -> None:
    most_s = {"low": 8.0, "medium": 4.0, "auto": 4.0, "high": 2.0}[eagerness]
    needed_s = silence_needed_s(Pause(probability, text), eagerness)
    assert 0.1 < needed_s <= most_s
    assert is_over(Pause(probability, text), needed_s, eagerness)


def test_eagerness_orders_the_waits() -> None:
    high, medium, low = (
        silence_needed_s(Pause(0.4, "hello there"), eagerness) for eagerness in ("high", "medium", "low")
    )
    assert high < medium < low


@pytest.mark.parametrize(
    "text", ["", "mm-hmm", "Yeah.", "Uh huh!", "okay, right", "[cough]", "(laughter) yeah", "I see.", "thank you"]
)
def test_acknowledgements_and_noises_do_not_take_the_floor(text: str) -> None:
    assert not wants_the_floor(text)


@pytest.mark.parametrize(
    "text", ["stop", "no", "wait a second", "what about tomorrow", "yeah but I meant Friday", "hello?", "you"]
)
def test_words_take_the_floor(text: str) -> None:
    assert wants_the_floor(text)


def test_speech_edges_lie_where_the_sound_changed_not_where_it_was_noticed() -> None:
    state, edges = SegmentState(), []
    for probability in [0.1] * 10 + [0.9] * 10 + [0.1] * 10:
        state, edge = advance(state, probability, SegmentRules())
        if edge is not None:
            edges.append(edge)
    assert [(edge.kind, round(edge.at_s / WINDOW_S)) for edge in edges] == [("started", 10), ("paused", 20)]


def test_one_loud_window_is_no_speech_and_one_soft_one_is_a_pause() -> None:
    state, edges = SegmentState(), []
    for probability in [0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9]:
        state, edge = advance(state, probability, SegmentRules())
        edges += [edge] if edge else []
    assert [edge.kind for edge in edges] == ["started", "paused"]


@given(st.lists(st.text(alphabet="ab ,.!?\n'1", max_size=12), max_size=30))
def test_clauses_are_all_the_text_in_order(deltas) -> None:
    cutter = ClauseCutter()
    clauses = [clause for delta in deltas for clause in cutter.feed(delta)] + cutter.flush()
    assert "".join(clauses).rstrip() == "".join(deltas).rstrip()


def test_the_first_clause_comes_early_and_numbers_and_titles_are_not_cut() -> None:
    cutter = ClauseCutter()
    text = "Of course, Dr. Smith is in. It costs 3.5 euros, e.g. for a small one. Done."
    clauses = [clause for letter in text for clause in cutter.feed(letter)] + cutter.flush()
    assert clauses[0] == "Of course,"
    assert [clause.strip() for clause in clauses[1:]] == [
        "Dr. Smith is in.",
        "It costs 3.5 euros, e.g. for a small one.",
        "Done.",
    ]


def test_a_first_clause_without_punctuation_is_cut_at_a_space() -> None:
    clauses = ClauseCutter().feed("this sentence goes on and on without any punctuation at all and never ends ")
    assert len(clauses) == 1
    assert 18 <= len(clauses[0]) <= 30


@given(
    st.lists(st.tuples(st.text(alphabet="abc ", min_size=1, max_size=20), st.floats(0.1, 3.0)), max_size=6),
    st.floats(0, 20),
)
def test_what_was_heard_is_a_beginning_of_what_was_said_and_grows(pieces, played_s) -> None:
    ledger = Ledger()
    for text, seconds in pieces:
        ledger.add(text, seconds)
    heard = ledger.heard(played_s)
    assert ledger.text().startswith(heard)
    assert ledger.text().startswith(ledger.heard(played_s + 1.0))
    assert len(ledger.heard(played_s + 1.0)) >= len(heard)
    assert ledger.heard(ledger.made_s + 1e-6) == ledger.text()


def test_the_playback_clock_stands_still_when_starved() -> None:
    clock = PlaybackClock()
    assert clock.due_in_s(0.0, 0.0) == 0.0
    clock.start(0.0)
    assert clock.due_in_s(0.0, 1.0) == pytest.approx(1.0 - LEAD_S)
    assert clock.played_s(5.0, 1.0) == 1.0
    assert clock.played_s(5.5, 2.0) == pytest.approx(1.5)


def test_only_words_on_which_two_recognitions_agree_are_shown_early() -> None:
    stable = StablePrefix()
    assert stable.grow("I want a cough") == ""
    assert stable.grow("I want a coffee with") == "I want a"
    assert stable.grow("I want a coffee with milk") == " coffee with"
    assert stable.finish("I want a coffee with milk.") == " milk."
    assert stable.grow("something else") == ""
    assert stable.finish("other words") == "other words"
