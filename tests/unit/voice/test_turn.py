"""The turn machine under any order of events: what must never happen, whatever happens."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from voiceagent.voice import turn_words as turn
from voiceagent.voice.turn import next_wake_s, step

TEXTS = st.sampled_from(["", "hello there.", "I want a coffee with", "mm-hmm", "stop", "one two three"])
RULES = st.builds(
    turn.TurnRules,
    detection=st.sampled_from(["semantic", "silence", "manual"]),
    create_response=st.booleans(),
    interrupt_response=st.booleans(),
    speculate=st.booleans(),
    idle_timeout_s=st.sampled_from([None, 5.0]),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "began",
                "paused",
                "transcribed",
                "failed",
                "judged",
                "audible",
                "finished",
                "commit",
                "clear",
                "ask",
                "cancel",
                "tick",
                "late",
            ]
        ),
        st.floats(0.0, 2.0),
        TEXTS,
        st.floats(0.0, 1.0),
    ),
    max_size=60,
)


def event_of(kind: str, at_s: float, text: str, probability: float, state: turn.TurnState) -> turn.TurnEvent:
    match kind:
        case "began":
            return turn.SpeechBegan(at_s, at_s - 0.064)
        case "paused":
            return turn.SpeechPaused(at_s, at_s - 0.064)
        case "transcribed":
            return turn.Transcribed(at_s, state.revision, text)
        case "late":
            return turn.Transcribed(at_s, state.revision - 1, text)
        case "failed":
            return turn.TranscriptionFailed(at_s, state.revision, "stt_unavailable")
        case "judged":
            return turn.EndJudged(at_s, state.revision, probability)
        case "audible":
            return turn.ReplyAudible(at_s, state.reply_no)
        case "finished":
            return turn.ReplyFinished(at_s, state.reply_no)
        case "commit":
            return turn.AudioCommitted(at_s)
        case "clear":
            return turn.AudioCleared(at_s)
        case "ask":
            return turn.ResponseRequested(at_s)
        case "cancel":
            return turn.CancelRequested(at_s)
        case _:
            wake_s = next_wake_s(state)
            return turn.Ticked(at_s if wake_s is None else max(at_s, wake_s))


def history(rules: turn.TurnRules, script: list[tuple[str, float, str, float]]):
    state, at_s = turn.TurnState(rules=rules), 0.0
    for kind, wait_s, text, probability in script:
        at_s += wait_s
        event = event_of(kind, at_s, text, probability, state)
        at_s = event.at_s
        before = state
        state, effects = step(state, event)
        yield before, event, state, effects


@given(RULES, STEPS)
@settings(max_examples=400, deadline=None)
def test_at_most_one_answer_lives_and_only_a_commit_or_a_wish_lets_it_be_heard(rules, script) -> None:
    living: int | None = None
    heard: set[int] = set()
    for before, event, state, effects in history(rules, script):
        if isinstance(event, turn.ReplyFinished) and before.mouth != "silent":
            living = None
        committed = any(isinstance(effect, turn.CommitTurn) for effect in effects)
        for effect in effects:
            match effect:
                case turn.StartReply(reply_no, pending):
                    assert living is None
                    living = reply_no
                    if pending is None:
                        heard.add(reply_no)
                case turn.ReleaseReply(reply_no):
                    assert living == reply_no
                    assert committed
                    heard.add(reply_no)
                case turn.CancelReply(reply_no):
                    assert living == reply_no
                    living = None
        assert (living is None) == (state.mouth == "silent")
        if state.mouth in ("answering", "speaking", "held"):
            assert state.reply_no in heard


@given(RULES, STEPS)
@settings(max_examples=400, deadline=None)
def test_every_wait_ends_by_itself(rules, script) -> None:
    """From any state, ticking alone reaches quiet and silence (or a caller who is heard to speak, or an answer that plays)."""
    state = turn.TurnState(rules=rules)
    at_s = 0.0
    for _, event, after, _ in history(rules, script):
        state, at_s = after, event.at_s
    for _ in range(50):
        wake_s = next_wake_s(state)
        if wake_s is None:
            break
        at_s = max(at_s, wake_s)
        state, _ = step(state, turn.Ticked(at_s))
    assert next_wake_s(state) is None
    assert state.ear == "quiet" or rules.detection == "manual"
    assert state.mouth in ("silent", "speaking")


@example(
    turn.TurnRules(create_response=False, interrupt_response=False),
    [
        ("began", 0.0, "", 0.0),
        ("paused", 0.0, "", 0.0),
        ("transcribed", 0.0, "hello there.", 0.0),
        ("judged", 1.0, "", 0.0),
    ],
)
@given(RULES, STEPS)
@settings(max_examples=200, deadline=None)
def test_a_tick_always_moves_the_next_wake_on(rules, script) -> None:
    for _, event, state, _ in history(rules, script):
        wake_s = next_wake_s(state)
        if wake_s is None:
            continue
        at_s = max(event.at_s, wake_s)
        after, _ = step(state, turn.Ticked(at_s))
        assert (next_wake_s(after) or at_s + 1) > at_s


@given(RULES, STEPS)
@settings(max_examples=200, deadline=None)
def test_the_speaker_is_held_only_while_it_speaks_and_is_always_let_go(rules, script) -> None:
    held = False
    for _, event, state, effects in history(rules, script):
        for effect in effects:
            match effect:
                case turn.PauseSpeaker():
                    assert not held
                    held = True
                case turn.ResumeSpeaker():
                    assert held
                    held = False
                case turn.CancelReply():
                    held = False
        if isinstance(event, turn.ReplyFinished):
            held = held and state.mouth == "held"
        assert held == (state.mouth == "held")


@given(RULES, STEPS)
@settings(max_examples=200, deadline=None)
def test_a_drafted_answer_to_words_that_changed_is_never_released(rules, script) -> None:
    drafted: dict[int, str] = {}
    for _, _, _, effects in history(rules, script):
        text = next((effect.text for effect in effects if isinstance(effect, turn.CommitTurn)), None)
        for effect in effects:
            if isinstance(effect, turn.StartReply) and effect.pending_text is not None:
                drafted[effect.reply_no] = effect.pending_text
            if isinstance(effect, turn.ReleaseReply):
                assert drafted[effect.reply_no] == text
