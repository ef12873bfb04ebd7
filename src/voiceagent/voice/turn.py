"""The turn machine: `step(state, event) -> (state, effects)`. Pure: time is a field of the event; no I/O, no clock, no await.

The ear (what the caller does) and the mouth (what the agent does) are two small machines; `turn_words.py` names their states.
A soft end of speech starts recognition, judgement and a draft of the answer at once; only a commit lets sound, history and
effects happen; speech that goes on revises the turn. A reply cancelled before it was audible gives its question back: the
question stays in the history and the caller's next words join it.
"""

from __future__ import annotations

from dataclasses import replace

from voiceagent.voice.backchannel import wants_the_floor
from voiceagent.voice.endpoint import Pause, silence_needed_s
from voiceagent.voice.turn_words import (
    AudioCleared,
    AudioCommitted,
    CancelReason,
    CancelReply,
    CancelRequested,
    CommitTurn,
    DropTurn,
    EndJudged,
    FailTurn,
    JudgeEnd,
    OpenTurn,
    PauseSpeaker,
    ReleaseReply,
    ReplyAudible,
    ReplyFinished,
    ResponseRequested,
    ResumeSpeaker,
    ReviseTurn,
    RulesChanged,
    SpeechBegan,
    SpeechPaused,
    StartReply,
    TellIdle,
    TellSpeech,
    Ticked,
    Transcribe,
    Transcribed,
    TranscriptionFailed,
    TurnEffect,
    TurnEvent,
    TurnState,
)

Step = tuple[TurnState, tuple[TurnEffect, ...]]

EMPTY_WAIT_S = 0.45
"""Silence after sound without words, after which it is forgotten."""
LOOK_AGAIN_S = (0.25, 0.42)
"""Silence at which the tone is looked at again. Measured on the recorded turns, 2026-11: of four finished turns that sound
unfinished after 60 ms of silence three sound finished after 250 ms; later than 600 ms unfinished ones begin to, too."""
SURE = 0.7
"""End-of-turn probability that needs no second look."""


def step(state: TurnState, event: TurnEvent) -> Step:
    """What `event` makes of `state`, and what is to be done about it, in order."""
    match event:
        case SpeechBegan():
            return _speech_began(state, event)
        case SpeechPaused():
            return _speech_paused(state, event)
        case Transcribed() if event.revision == state.revision:
            return _transcribed(state, event)
        case TranscriptionFailed() if event.revision == state.revision:
            return _unrecognised(state, event.code, event.at_s)
        case EndJudged() if event.revision == state.revision and state.ear == "pausing":
            return _weigh(replace(state, judged=event.probability), event.at_s)
        case ReplyAudible() if event.reply_no == state.reply_no and state.mouth == "answering":
            return replace(state, mouth="speaking"), ()
        case ReplyFinished() if event.reply_no == state.reply_no and state.mouth != "silent":
            return _mouth_free(state, event.at_s)
        case AudioCommitted():
            return _closed_by_client(state, event.at_s)
        case AudioCleared():
            return _cleared_by_client(state)
        case ResponseRequested():
            return _asked_for_reply(state, event.at_s)
        case CancelRequested() if state.mouth != "silent":
            return _cancelled(replace(state, owed=False), "client_cancelled")
        case RulesChanged():
            return replace(state, rules=event.rules), ()
        case Ticked():
            return _ticked(state, event.at_s)
        case _:  # a late word about something that is over
            return state, ()


def next_wake_s(state: TurnState) -> float | None:
    """When the machine wants a `Ticked` next, if nothing happens before; None for not at all. Every wait has such a bound."""
    rules = state.rules
    wakes = _ear_wakes(state) + _mouth_wakes(state)
    if rules.idle_timeout_s is not None and state.quiet_since_s is not None and _nobody_speaks(state):
        wakes.append(state.quiet_since_s + rules.idle_timeout_s)
    return min(wakes, default=None)


def _ear_wakes(state: TurnState) -> list[float]:
    if state.ear == "voiced":
        return [state.speech_start_s + state.rules.max_turn_s]
    if state.ear == "quiet":
        return []
    if state.text is None:
        return [state.paused_at_s + state.rules.transcript_deadline_s]
    wakes = [_commit_from_s(state)]
    if (look_s := _look_again_s(state)) is not None:
        wakes.append(look_s)
    if _may_draft(state):
        wakes.append(_draft_from_s(state))
    return wakes


def _mouth_wakes(state: TurnState) -> list[float]:
    if state.mouth == "answering":
        return [state.reply_since_s + state.rules.reply_deadline_s]
    if state.mouth != "held":
        return []
    probe = [state.next_probe_s] if state.ear == "voiced" else []
    return [state.held_since_s + state.rules.overlap_deadline_s, *probe]


# --- the ear ----------------------------------------------------------------------------------------------------------


def _speech_began(state: TurnState, event: SpeechBegan) -> Step:
    if state.rules.detection == "manual" or state.ear in ("voiced", "closing"):
        return state, ()
    fresh = state.ear == "quiet"
    state = replace(
        state,
        ear="voiced",
        revision=state.revision + 1,
        text=None,
        judged=None,
        quiet_since_s=None,
        next_probe_s=event.at_s + state.rules.probe_s,
    )
    effects: tuple[TurnEffect, ...] = (ReviseTurn(state.revision),)
    if fresh:
        state = replace(state, speech_start_s=event.start_s, told=False)
        effects = (OpenTurn(state.revision, event.start_s),)
    state, yielded = _yield_to_caller(state, event.at_s)
    state, told = _tell_speech(state)
    return state, effects + yielded + told


def _yield_to_caller(state: TurnState, at_s: float) -> Step:
    """What the mouth does when the caller starts to speak."""
    if state.mouth == "drafting":
        return _cancelled(state, "revised")
    if not state.rules.interrupt_response:
        return state, ()
    if state.mouth == "answering":
        return _cancelled(state, "turn_detected")
    if state.mouth == "speaking":
        return replace(state, mouth="held", held_since_s=at_s), (PauseSpeaker(),)
    return state, ()


def _tell_speech(state: TurnState) -> Step:
    """Tell the client, unless it may still turn out to be a cough over the agent's words."""
    overlaps = state.mouth in ("held", "speaking") and state.rules.interrupt_response
    if state.told or overlaps:
        return state, ()
    return replace(state, told=True), (TellSpeech(state.speech_start_s),)


def _speech_paused(state: TurnState, event: SpeechPaused) -> Step:
    if state.ear != "voiced":
        return state, ()
    state = replace(
        state, ear="pausing", last_voiced_s=event.last_voiced_s, paused_at_s=event.at_s, text=None, judged=None, looks=1
    )
    wanted: tuple[TurnEffect, ...] = (Transcribe(state.revision),)
    if state.rules.detection == "semantic":
        wanted += (JudgeEnd(state.revision),)
    return state, wanted


def _transcribed(state: TurnState, event: Transcribed) -> Step:
    if state.ear == "closing":
        return _commit(replace(state, text=event.text), event.at_s)
    if state.ear == "quiet":
        return state, ()
    state, floor = _arbitrate(state, event.text, event.at_s)
    if state.ear != "pausing":
        return state, floor
    state, weighed = _weigh(replace(state, text=event.text.strip()), event.at_s)
    return state, floor + weighed


def _unrecognised(state: TurnState, code: str, at_s: float) -> Step:
    """The recogniser failed or was late: the turn ends, the client is told and gets an answer that says so."""
    if state.ear not in ("pausing", "closing"):
        return state, ()
    state, resumed = _let_go_on(state)
    known = state.told or state.ear == "closing"
    state, dropped = _drop_draft(state)
    state = replace(state, ear="quiet", told=False, quiet_since_s=at_s)
    if not known:
        return state, (*resumed, *dropped, DropTurn())
    state, apology = _pay(replace(state, owed=state.owed or state.rules.create_response), at_s)
    return state, (*resumed, *dropped, FailTurn(code), *apology)


def _weigh(state: TurnState, at_s: float) -> Step:
    """Is the turn over? If not yet, is it time to draft the answer?"""
    if state.ear != "pausing" or state.text is None:
        return state, ()
    if at_s >= _commit_from_s(state):
        return _commit(state, at_s) if state.text else _forget(state, at_s)
    if _may_draft(state) and at_s >= _draft_from_s(state):
        state = replace(state, mouth="drafting", reply_no=state.reply_no + 1, drafted_revision=state.revision)
        return state, (StartReply(state.reply_no, state.text),)
    return state, ()


def _may_draft(state: TurnState) -> bool:
    """One draft a revision: a draft that failed is not tried again before the commit."""
    wanted = state.rules.speculate and state.rules.create_response and bool(state.text)
    return wanted and state.mouth == "silent" and state.drafted_revision != state.revision


def _commit_from_s(state: TurnState) -> float:
    """When the silence is long enough. The tone is waited for, but not for long."""
    over_s = state.last_voiced_s + _needed_s(state)
    judged = state.judged is not None or state.rules.detection != "semantic" or not state.text
    return over_s if judged else max(over_s, state.paused_at_s + state.rules.judge_deadline_s)


def _look_again_s(state: TurnState) -> float | None:
    """When the tone of this pause is worth another look; None when it was clear, or looked at often enough."""
    if state.judged is None or state.judged >= SURE or state.looks > len(LOOK_AGAIN_S):
        return None
    return state.last_voiced_s + LOOK_AGAIN_S[state.looks - 1]


def _look_again(state: TurnState, at_s: float) -> Step:
    look_s = _look_again_s(state)
    if look_s is None or at_s < look_s:
        return state, ()
    due = sum(
        state.last_voiced_s + after_s <= at_s for after_s in LOOK_AGAIN_S
    )  # a late tick makes up for all in one look
    return replace(state, looks=due + 1), (JudgeEnd(state.revision),)


def _needed_s(state: TurnState) -> float:
    if not state.text:
        return EMPTY_WAIT_S
    if state.last_voiced_s - state.speech_start_s >= state.rules.max_turn_s:
        return 0.0
    if state.rules.detection == "silence":
        return state.rules.silence_s
    return silence_needed_s(Pause(state.judged, state.text), state.rules.eagerness)


def _draft_from_s(state: TurnState) -> float:
    return state.last_voiced_s + _needed_s(state) - state.rules.draft_lead_s


def _commit(state: TurnState, at_s: float) -> Step:
    text = (state.text or "").strip()
    told: tuple[TurnEffect, ...] = () if state.told or state.ear == "closing" else (TellSpeech(state.speech_start_s),)
    committed = CommitTurn(text, state.last_voiced_s)
    owed = state.owed or (state.rules.create_response and state.ear != "closing")
    state = replace(state, ear="quiet", text=None, judged=None, told=False, owed=owed, quiet_since_s=at_s)
    if state.mouth == "drafting":
        state = replace(state, mouth="answering", owed=False, reply_since_s=at_s)
        return state, (*told, committed, ReleaseReply(state.reply_no))
    state, started = _pay(state, at_s)
    return state, (*told, committed, *started)


def _forget(state: TurnState, at_s: float) -> Step:
    """Sound without words: as if it had not been."""
    state, resumed = _let_go_on(state)
    state, dropped = _drop_draft(state)
    return replace(state, ear="quiet", text=None, judged=None, told=False, quiet_since_s=at_s), (
        *resumed,
        *dropped,
        DropTurn(),
    )


def _closed_by_client(state: TurnState, at_s: float) -> Step:
    state, resumed = _let_go_on(state)
    state, dropped = _drop_draft(state)
    state = replace(state, ear="closing", revision=state.revision + 1, text=None, paused_at_s=at_s, last_voiced_s=at_s)
    return state, (*resumed, *dropped, Transcribe(state.revision))


def _cleared_by_client(state: TurnState) -> Step:
    state, resumed = _let_go_on(state)
    state, dropped = _drop_draft(state)
    cleared = replace(state, ear="quiet", revision=state.revision + 1, text=None, judged=None, told=False)
    return cleared, (*resumed, *dropped, DropTurn())


# --- the mouth --------------------------------------------------------------------------------------------------------


def _arbitrate(state: TurnState, text: str, at_s: float) -> Step:
    """The caller made a sound over the agent: does the agent stop for good, or go on?"""
    if state.mouth not in ("held", "speaking") or not state.rules.interrupt_response:
        return state, ()
    if wants_the_floor(text):
        state, cancelled = _cancelled(state, "turn_detected")
        state, told = _tell_speech(state)
        return state, cancelled + told
    if state.ear == "pausing":
        return _forget(state, at_s)
    return state, ()


def _let_go_on(state: TurnState) -> Step:
    if state.mouth != "held":
        return state, ()
    return replace(state, mouth="speaking"), (ResumeSpeaker(),)


def _drop_draft(state: TurnState) -> Step:
    return _cancelled(state, "revised") if state.mouth == "drafting" else (state, ())


def _cancelled(state: TurnState, reason: CancelReason) -> Step:
    return replace(state, mouth="silent"), (CancelReply(state.reply_no, reason),)


def _asked_for_reply(state: TurnState, at_s: float) -> Step:
    state, dropped = _drop_draft(state)
    state, started = _pay(replace(state, owed=True), at_s)
    return state, dropped + started


def _pay(state: TurnState, at_s: float) -> Step:
    """Start the answer that is owed, if the mouth is free and the question is whole."""
    if not state.owed or state.mouth != "silent" or state.ear == "closing":
        return state, ()
    state = replace(state, mouth="answering", owed=False, reply_no=state.reply_no + 1, reply_since_s=at_s)
    return state, (StartReply(state.reply_no, None),)


def _mouth_free(state: TurnState, at_s: float) -> Step:
    if state.mouth == "drafting":  # the draft failed or is a complete written one: a commit starts it anew
        return replace(state, mouth="silent"), ()
    state = replace(state, mouth="silent", quiet_since_s=at_s)
    state, told = _tell_speech(state) if state.ear in ("voiced", "pausing") else (state, ())
    state, started = _pay(state, at_s)
    return state, told + started


# --- time -------------------------------------------------------------------------------------------------------------


def _nobody_speaks(state: TurnState) -> bool:
    return state.ear == "quiet" and state.mouth == "silent"


def _ticked(state: TurnState, at_s: float) -> Step:
    rules = state.rules
    if state.ear in ("pausing", "closing") and state.text is None:
        late = at_s >= state.paused_at_s + rules.transcript_deadline_s
        return _unrecognised(state, "transcription_late", at_s) if late else _tick_mouth(state, at_s)
    if state.ear == "voiced" and at_s >= state.speech_start_s + rules.max_turn_s:
        return _speech_paused(state, SpeechPaused(at_s, at_s))
    if state.ear == "pausing":
        state, look = _look_again(state, at_s)
        state, weighed = _weigh(state, at_s)
        return state, look + weighed
    return _tick_mouth(state, at_s)


def _tick_mouth(state: TurnState, at_s: float) -> Step:
    rules = state.rules
    if state.mouth == "answering" and at_s >= state.reply_since_s + rules.reply_deadline_s:
        return _cancelled(replace(state, quiet_since_s=at_s), "reply_late")
    if state.mouth == "held":
        if at_s >= state.held_since_s + rules.overlap_deadline_s:
            return _let_go_on(state)
        if state.ear == "voiced" and at_s >= state.next_probe_s:
            return replace(state, next_probe_s=at_s + rules.probe_s), (Transcribe(state.revision),)
    idle_s = rules.idle_timeout_s
    if (
        idle_s is not None
        and state.quiet_since_s is not None
        and _nobody_speaks(state)
        and at_s >= state.quiet_since_s + idle_s
    ):
        return replace(state, quiet_since_s=None), (TellIdle(state.quiet_since_s),)
    return state, ()
