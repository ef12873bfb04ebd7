"""The session object: sparse merge, what cannot change, what the session is told, and the SDK's own reading of it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeSessionCreateRequest, SessionUpdatedEvent

from voiceagent.domain.audio import WIRE_PCM, WIRE_PCMA, WIRE_PCMU
from voiceagent.domain.reply import ToolSpec
from voiceagent.kit.errors import InvalidInput
from voiceagent.voice.messages import SessionSettings, TurnDetection
from voiceagent.voice.wire.config import SessionConfig

VOICES = ("lj", "joe")


def fresh(**more: Any) -> SessionConfig:
    return SessionConfig.opened(voices=VOICES, **more)


def changed(change: object, config: SessionConfig | None = None, *, spoke: bool = False) -> SessionConfig:
    return (config or fresh()).updated(change, audio_was_produced=spoke)


def listening(**fields: object) -> dict[str, Any]:
    return {"audio": {"input": fields}}


def test_a_fresh_session_has_our_defaults() -> None:
    settings = fresh().settings()
    assert settings == SessionSettings()
    assert (fresh().input_format, fresh().output_format) == (WIRE_PCM, WIRE_PCM)


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    config = changed({"instructions": "be brief", **listening(turn_detection={"type": "server_vad", "threshold": 0.7})})
    config = changed(listening(turn_detection={"type": "server_vad", "silence_duration_ms": 300}), config)
    config = changed({"audio": {"output": {"speed": 1.2}}}, config)
    settings = config.settings()
    assert settings.instructions == "be brief"
    assert settings.speed == 1.2
    assert settings.turn_detection == TurnDetection("server_vad", 0.7, 300, 300)


def test_another_kind_of_turn_detection_starts_from_its_own_defaults() -> None:
    config = changed(listening(turn_detection={"type": "server_vad", "create_response": False}))
    config = changed(listening(turn_detection={"type": "semantic_vad", "eagerness": "high"}), config)
    assert config.settings().turn_detection == TurnDetection("semantic_vad", eagerness="high")


def test_null_turn_detection_means_manual_turns_and_an_object_brings_it_back() -> None:
    manual = changed(listening(turn_detection=None))
    assert manual.settings().turn_detection is None
    again = changed(listening(turn_detection={"type": "semantic_vad"}), manual)
    assert again.settings().turn_detection == TurnDetection()


def test_empty_instructions_clear_empty_tools_clear_and_null_resets() -> None:
    tool = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}
    full = changed({"instructions": "x", "tools": [tool], "tool_choice": "required", "max_output_tokens": 9})
    assert full.settings().tools == (ToolSpec("f", "d", {"type": "object"}),)
    assert full.settings().max_output_tokens == 9
    empty = changed({"instructions": "", "tools": [], "tool_choice": None, "max_output_tokens": "inf"}, full)
    assert empty.settings() == fresh().settings()


def test_transcription_hints_reach_the_session_and_null_turns_it_off() -> None:
    words = {"model": "whisper-1", "language": "de", "prompt": "a call", "keywords": ["Mayer", "Huber"]}
    settings = changed(listening(transcription=words)).settings()
    assert (settings.language, settings.transcription_prompt) == ("de", "a call, Mayer, Huber")
    assert changed(listening(transcription=None)).settings().transcription is False


@pytest.mark.parametrize(
    ("name", "expected"), [("audio/pcm", WIRE_PCM), ("audio/pcmu", WIRE_PCMU), ("audio/pcma", WIRE_PCMA)]
)
def test_formats(name: str, expected: object) -> None:
    both = {"audio": {"input": {"format": {"type": name}}, "output": {"format": {"type": name}}}}
    config = changed(both)
    assert (config.input_format, config.output_format) == (expected, expected)


def test_the_voice_is_free_until_sound_was_produced() -> None:
    joe = {"audio": {"output": {"voice": "joe"}}}
    assert changed(joe).settings().voice == "joe"
    assert changed({"audio": {"output": {"voice": {"id": "joe"}}}}).settings().voice == "joe"
    with pytest.raises(InvalidInput) as raised:
        changed(joe, spoke=True)
    assert raised.value.code == "cannot_update_voice"
    assert changed(joe, changed(joe), spoke=True).settings().voice == "joe"


def test_voices_of_other_providers_stand_for_the_agents_own() -> None:
    config = changed({"audio": {"output": {"voice": "marin"}}})
    assert config.document["audio"]["output"]["voice"] == "marin"
    assert config.settings().voice == ""
    assert fresh().document["audio"]["output"]["voice"] == "default"
    again = changed({"audio": {"output": {"voice": "default"}}}, changed({"audio": {"output": {"voice": "joe"}}}))
    assert again.settings().voice == ""


def test_the_model_can_be_named_once() -> None:
    named = changed({"model": "qwen"})
    assert named.settings().model == "qwen"
    assert changed({"model": "qwen"}, named).settings().model == "qwen"
    assert fresh(model="gpt-realtime").settings().model == ""
    with pytest.raises(InvalidInput) as raised:
        changed({"model": "other"}, named)
    assert (raised.value.code, raised.value.param) == ("cannot_update_model", "session.model")


def test_a_transcription_session_never_answers_and_keeps_its_type() -> None:
    config = fresh(transcription_only=True)
    detection = config.settings().turn_detection
    assert detection is not None and detection.create_response is False
    assert changed({"type": "transcription"}, config).transcription_only
    with pytest.raises(InvalidInput) as raised:
        changed({"type": "realtime"}, config)
    assert raised.value.code == "cannot_update_type"


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"colour": "red"}, "unknown_parameter", "session.colour"),
        ({"type": "translation"}, "invalid_value", "session.type"),
        ({"instructions": 3}, "invalid_type", "session.instructions"),
        ({"output_modalities": ["video"]}, "invalid_value", "session.output_modalities[0]"),
        ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
        ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"tool_choice": "maybe"}, "invalid_value", "session.tool_choice"),
        ({"prompt": {"id": "x"}}, "invalid_value", "session.prompt"),
        ({"tools": [{"type": "mcp"}]}, "invalid_value", "session.tools[0].type"),
        ({"tools": [{"type": "function", "name": "a b"}]}, "invalid_value", "session.tools[0].name"),
        ({"audio": {"output": {"voice": "nobody"}}}, "unknown_voice", "session.audio.output.voice"),
        ({"audio": {"output": {"speed": 2}}}, "invalid_value", "session.audio.output.speed"),
        (listening(format={"type": "audio/pcm", "rate": 16_000}), "invalid_value", "session.audio.input.format.rate"),
        (listening(format={"type": "audio/mp3"}), "invalid_value", "session.audio.input.format"),
        (
            listening(turn_detection={"type": "server_vad", "threshold": 2}),
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            listening(turn_detection={"silence_duration_ms": 2}),
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        (
            listening(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        ([], "invalid_type", "session"),
    ],
)
def test_each_misfit_names_its_field_and_changes_nothing(change: Any, code: str, param: str) -> None:
    config = fresh()
    before = copy.deepcopy(config.document)
    with pytest.raises(InvalidInput) as raised:
        changed(change, config)
    assert raised.value.param is not None
    assert raised.value.param == param
    assert raised.value.code == code
    assert config.document == before


def test_the_sdk_reads_the_session_object() -> None:
    config = changed(
        {
            "instructions": "x",
            "tools": [{"type": "function", "name": "f"}],
            "tool_choice": {"type": "function", "name": "f"},
            "reasoning": {"effort": "low"},
            **listening(turn_detection={"type": "server_vad"}, noise_reduction={"type": "near_field"}),
        }
    )
    for one in (config, fresh(transcription_only=True)):
        rendered = one.rendered("sess_1", 1_800_000_000, {"conversation_id": "conv_1"})
        event = {"type": "session.updated", "event_id": "e", "session": rendered}
        read = SessionUpdatedEvent.model_validate(event)
        assert read.session.id == "sess_1" if hasattr(read.session, "id") else read.session.type == rendered["type"]


def test_what_the_sdk_sends_is_accepted() -> None:
    request = RealtimeSessionCreateRequest.model_validate(
        {
            "type": "realtime",
            "model": "gpt-realtime",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "noise_reduction": None,
                    "turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000},
                },
                "output": {"voice": "marin", "format": {"type": "audio/pcmu"}},
            },
            "include": ["item.input_audio_transcription.logprobs"],
            "tracing": "auto",
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
        }
    )
    config = changed(request.model_dump(exclude_unset=True), fresh(model="gpt-realtime"))
    detection = config.settings().turn_detection
    assert detection is not None and detection.idle_timeout_ms == 6_000
    assert config.output_format == WIRE_PCMU


modes = st.sampled_from(
    [None, {"type": "server_vad"}, {"type": "server_vad", "threshold": 0.1}, {"type": "semantic_vad"}]
)
updates = st.fixed_dictionaries(
    {},
    optional={
        "instructions": st.text(max_size=5) | st.none(),
        "max_output_tokens": st.sampled_from([1, 4096, "inf"]),
        "output_modalities": st.sampled_from([["audio"], ["text"]]),
        "audio": st.fixed_dictionaries({"input": st.fixed_dictionaries({}, optional={"turn_detection": modes})}),
    },
)


@given(st.lists(updates, max_size=5))
def test_any_series_of_updates_holds_together_and_the_last_word_counts(series: list[dict[str, Any]]) -> None:
    config = fresh()
    for update in series:
        config = changed(update, config)
    config.settings()
    for name in ("instructions", "max_output_tokens", "output_modalities"):
        last = next((update[name] for update in reversed(series) if name in update), None)
        assert config.document[name] == (fresh().document[name] if last is None else last)
