"""The session object: what the client sees and changes, its merge rules, and what it means for the session. Pure."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

from voiceagent.domain.audio import WIRE_PCM, WIRE_PCMA, WIRE_PCMU, AudioFormat
from voiceagent.domain.reply import ToolSpec
from voiceagent.kit.errors import InvalidInput
from voiceagent.voice.messages import SessionSettings, TurnDetection
from voiceagent.voice.wire.shapes import SemanticVad, ServerVad, Session, checked

FORMATS: dict[str, AudioFormat] = {"audio/pcm": WIRE_PCM, "audio/pcmu": WIRE_PCMU, "audio/pcma": WIRE_PCMA}

OWN_VOICE = "default"
"""The agent's own voice, whichever that is."""

GUEST_VOICES = frozenset(
    {
        OWN_VOICE,
        "alloy",
        "ash",
        "ballad",
        "coral",
        "echo",
        "fable",
        "nova",
        "onyx",
        "sage",
        "shimmer",
        "verse",
        "marin",
        "cedar",
    }
)
"""Names that clients of the protocol send unasked; they stand for the agent's own voice."""

_GUEST_MODELS = ("gpt-realtime", "gpt-4o-realtime", "gpt-4o-mini-realtime", "gpt-audio")
"""Beginnings of names that mean "the speech model of that provider"; they stand for the agent's own model."""

_DEFAULTS: dict[str, Any] = {
    "type": "realtime",
    "model": "",
    "instructions": "",
    "output_modalities": ["audio"],
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "max_output_tokens": "inf",
    "include": None,
    "prompt": None,
    "tracing": None,
    "truncation": "auto",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": "whisper-1"},
            "noise_reduction": None,
            "turn_detection": {
                "type": "semantic_vad",
                "eagerness": "auto",
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": OWN_VOICE, "speed": 1.0},
    },
}
_FORMAT_OBJECTS: dict[str, dict[str, Any]] = {
    "audio/pcm": {"type": "audio/pcm", "rate": 24_000},
    "audio/pcmu": {"type": "audio/pcmu"},
    "audio/pcma": {"type": "audio/pcma"},
}
_WHOLE = ("format", "tools", "tool_choice", "truncation", "tracing", "include", "output_modalities", "reasoning")
"""Fields that an update replaces as a whole; every other object is merged field by field."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """A session object that holds together. `document` is never changed in place.

    voices: names that the text-to-speech adapter knows.
    """

    document: dict[str, Any]
    voices: tuple[str, ...] = ()

    @classmethod
    def opened(
        cls, *, model: str = "", voices: tuple[str, ...] = (), transcription_only: bool = False
    ) -> SessionConfig:
        """What a fresh connection starts with."""
        document = copy.deepcopy(_DEFAULTS)
        document["model"] = model
        document["type"] = "transcription" if transcription_only else "realtime"
        return cls(document, voices)

    def updated(self, change: object, *, audio_was_produced: bool) -> SessionConfig:
        """With the fields of `change` in place of mine; what `change` does not name stays.

        null resets a field to its default, except: null turn_detection means manual turns, null transcription none.
        Raises InvalidInput with the path of the field: a wrong shape, another model or type, another voice after sound was
        produced (`cannot_update_voice`), an unknown voice.
        """
        sparse = checked(Session, change, "session").model_dump(exclude_unset=True)
        document = _merged(self.document, sparse, _DEFAULTS)
        self._check_fixed(document, audio_was_produced=audio_was_produced)
        return replace(self, document=document)

    def _check_fixed(self, document: dict[str, Any], *, audio_was_produced: bool) -> None:
        if document["type"] != self.document["type"]:
            raise InvalidInput("cannot_update_type", "the type of a session cannot change", param="session.type")
        if self.document["model"] and document["model"] != self.document["model"]:
            raise InvalidInput("cannot_update_model", "the model of a session cannot change", param="session.model")
        voice, param = document["audio"]["output"]["voice"], "session.audio.output.voice"
        if voice == self.document["audio"]["output"]["voice"]:
            return
        if voice not in GUEST_VOICES and voice not in self.voices:
            known = ", ".join(self.voices)
            raise InvalidInput("unknown_voice", f"there is no such voice; known: {known}", param=param)
        if audio_was_produced:
            message = "the voice cannot change after the session has produced sound"
            raise InvalidInput("cannot_update_voice", message, param=param)

    @property
    def transcription_only(self) -> bool:
        """Nothing is ever answered: the client wants the words alone."""
        return bool(self.document["type"] == "transcription")

    @property
    def input_format(self) -> AudioFormat:
        return FORMATS[self.document["audio"]["input"]["format"]["type"]]

    @property
    def output_format(self) -> AudioFormat:
        return FORMATS[self.document["audio"]["output"]["format"]["type"]]

    def settings(self) -> SessionSettings:
        """What the session must know of it."""
        document, heard, said = self.document, self.document["audio"]["input"], self.document["audio"]["output"]
        words = heard["transcription"] or {}
        return SessionSettings(
            instructions=document["instructions"] or None,
            model=own_model(document["model"]),
            voice=said["voice"] if said["voice"] in self.voices else "",
            speed=float(said["speed"]),
            language=words.get("language") or (words.get("languages") or [None])[0],
            output=document["output_modalities"][0],
            transcription=heard["transcription"] is not None,
            transcription_prompt=_prompt_of(words),
            turn_detection=self._turn_detection(heard["turn_detection"]),
            tools=tools_of(document["tools"]),
            tool_choice=tool_choice_of(document["tool_choice"]),
            max_output_tokens=max_tokens_of(document["max_output_tokens"]),
        )

    def _turn_detection(self, detection: dict[str, Any] | None) -> TurnDetection | None:
        if detection is None:
            return None
        fields = {key: value for key, value in detection.items() if key != "type"}
        if self.transcription_only:
            fields["create_response"] = False
        return TurnDetection(kind=detection["type"], **fields)

    def rendered(self, session_id: str, expires_at: int, extension: dict[str, Any]) -> dict[str, Any]:
        """The session object as sent. expires_at: seconds since 1970. extension: our own facts, under `voiceagent`."""
        head = {"id": session_id, "object": "realtime.session", "expires_at": expires_at, "voiceagent": extension}
        if not self.transcription_only:
            return {**head, **self.document}
        audio = {"input": self.document["audio"]["input"]}
        return {**head, "type": "transcription", "audio": audio, "include": self.document["include"]}


def own_model(name: str) -> str:
    """The name for the router; "" (the agent's model) where the name only says "a realtime model of that provider"."""
    return "" if name.startswith(_GUEST_MODELS) else name


def tools_of(tools: list[dict[str, Any]]) -> tuple[ToolSpec, ...]:
    """Function tools as the engine knows them."""
    return tuple(ToolSpec(tool["name"], tool.get("description") or "", tool.get("parameters") or {}) for tool in tools)


def tool_choice_of(choice: str | dict[str, str]) -> str:
    """none, auto, required, or the name of the one function."""
    return choice["name"] if isinstance(choice, dict) else choice


def max_tokens_of(limit: int | str | None) -> int | None:
    """None stands for no limit but the agent's."""
    return limit if isinstance(limit, int) else None


def _prompt_of(words: dict[str, Any]) -> str:
    return ", ".join(filter(None, [words.get("prompt") or "", *(words.get("keywords") or [])]))


def _merged(current: dict[str, Any], change: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    merged = dict(current)
    for key, value in change.items():
        if value is None:
            off = key in ("turn_detection", "transcription")
            merged[key] = None if off else copy.deepcopy(defaults.get(key))
        elif key == "format":
            merged[key] = dict(_FORMAT_OBJECTS[value["type"]])
        elif key == "turn_detection":
            merged[key] = _merged_detection(current[key], value)
        elif isinstance(value, dict) and key not in _WHOLE:
            merged[key] = _merged(current.get(key) or {}, value, defaults.get(key) or {})
        else:
            merged[key] = value
    return merged


def _merged_detection(current: dict[str, Any] | None, change: dict[str, Any]) -> dict[str, Any]:
    shape = ServerVad if change["type"] == "server_vad" else SemanticVad
    same = current if current is not None and current["type"] == change["type"] else {}
    return shape.model_validate({**same, **change}).model_dump()
