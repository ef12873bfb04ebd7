"""The JSON shapes that a client of the realtime protocol may send, and how a misfit becomes an error. No meaning, no defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError
from pydantic.functional_validators import AfterValidator

from voiceagent.kit.errors import InvalidInput

MAX_TEXT_CHARS = 256_000
"""Longest text of one item or instruction; far above what a context window holds."""


class Shape(BaseModel):
    """A JSON object without surprises: no coercion, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid")


def _one_modality(value: list[str]) -> list[str]:
    if len(value) != 1:
        raise ValueError('exactly one of ["audio"] and ["text"]')
    return value


def _tokens_or_inf(value: object) -> object:
    if (
        value is None
        or value == "inf"
        or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096)
    ):
        return value
    raise ValueError('a whole number from 1 to 4096, or "inf"')


def _voice(value: object) -> object:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict) and set(value) == {"id"} and isinstance(value["id"], str):
        return value["id"]
    raise ValueError("the name of a voice")


def _tool_choice(value: object) -> object:
    if value is None or value in ("none", "auto", "required"):
        return value
    if isinstance(value, dict) and value.get("type") == "function" and isinstance(value.get("name"), str):
        return {"type": "function", "name": value["name"]}
    raise ValueError('"none", "auto", "required" or {"type": "function", "name": ...}')


def _metadata(value: dict[str, str]) -> dict[str, str]:
    if len(value) > 16 or any(len(key) > 64 or len(text) > 512 for key, text in value.items()):
        raise ValueError("at most 16 pairs, keys up to 64 and values up to 512 characters")
    return value


def _nothing(value: object) -> object:
    if value is not None:
        raise ValueError("stored prompts are not supported")
    return value


Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]
Id = Annotated[str, Field(min_length=1, max_length=128)]
Modalities = Annotated[list[Literal["audio", "text"]], AfterValidator(_one_modality)]
MaxTokens = Annotated[Any, AfterValidator(_tokens_or_inf)]
Voice = Annotated[Any, AfterValidator(_voice)]
ToolChoice = Annotated[Any, AfterValidator(_tool_choice)]
Metadata = Annotated[dict[str, str], AfterValidator(_metadata)]
NoPrompt = Annotated[Any, AfterValidator(_nothing)]


class PcmFormat(Shape):
    type: Literal["audio/pcm"]
    rate: Literal[24000] = 24000


class PcmuFormat(Shape):
    type: Literal["audio/pcmu"]
    rate: Literal[8000] = 8000


class PcmaFormat(Shape):
    type: Literal["audio/pcma"]
    rate: Literal[8000] = 8000


Format = Annotated[PcmFormat | PcmuFormat | PcmaFormat, Field(discriminator="type")]


class ServerVad(Shape):
    type: Literal["server_vad"]
    threshold: float = Field(0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(300, ge=0, le=5_000)
    silence_duration_ms: int = Field(500, ge=0, le=60_000)
    create_response: StrictBool = True
    interrupt_response: StrictBool = True
    idle_timeout_ms: Annotated[int, Field(ge=1_000, le=600_000)] | None = None


class SemanticVad(Shape):
    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: StrictBool = True
    interrupt_response: StrictBool = True


class Transcription(Shape):
    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    prompt: Text | None = None
    keywords: list[str] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(Shape):
    type: Literal["near_field", "far_field"]
    strength: Any = None


class AudioInput(Shape):
    format: Format | None = None
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | None = None


class AudioOutput(Shape):
    format: Format | None = None
    voice: Voice = None
    speed: float | None = Field(None, ge=0.25, le=1.5)


class Audio(Shape):
    input: AudioInput | None = None
    output: AudioOutput | None = None


class FunctionTool(Shape):
    type: Literal["function"]
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    description: Text | None = None
    parameters: dict[str, Any] | None = None
    strict: StrictBool | None = None


class Reasoning(Shape):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class Session(Shape):
    type: Literal["realtime", "transcription"] | None = None
    model: str | None = None
    instructions: Text | None = None
    output_modalities: Modalities | None = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None
    max_output_tokens: MaxTokens = None
    parallel_tool_calls: StrictBool | None = None
    prompt: NoPrompt = None
    reasoning: Reasoning | None = None
    tool_choice: ToolChoice = None
    tools: Annotated[list[FunctionTool], Field(max_length=128)] | None = None
    tracing: Any = None
    truncation: Any = None
    audio: Audio | None = None


class Content(Shape):
    type: Literal["input_text", "input_audio", "input_image", "output_text", "output_audio", "text", "audio"]
    text: Text | None = None
    transcript: Text | None = None
    audio: str | None = None
    image_url: str | None = None
    detail: str | None = None


class ItemShape(Shape):
    type: Literal["message", "function_call", "function_call_output", "item_reference"]
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None
    role: Literal["system", "user", "assistant"] | None = None
    content: Annotated[list[Content], Field(max_length=64)] | None = None
    call_id: Id | None = None
    name: Annotated[str, Field(max_length=64)] | None = None
    arguments: Text | None = None
    output: Text | None = None
    phase: str | None = None


class ResponseAudioOutput(Shape):
    format: Format | None = None
    voice: Voice = None


class ResponseAudio(Shape):
    output: ResponseAudioOutput | None = None


class Response(Shape):
    conversation: Literal["auto", "none"] | None = None
    input: Annotated[list[ItemShape], Field(max_length=1_000)] | None = None
    instructions: Text | None = None
    output_modalities: Modalities | None = None
    audio: ResponseAudio | None = None
    tools: Annotated[list[FunctionTool], Field(max_length=128)] | None = None
    tool_choice: ToolChoice = None
    parallel_tool_calls: StrictBool | None = None
    max_output_tokens: MaxTokens = None
    metadata: Metadata | None = None
    prompt: NoPrompt = None
    reasoning: Reasoning | None = None


_UNION_TAGS = {"server_vad", "semantic_vad", "audio/pcm", "audio/pcmu", "audio/pcma"}
_CODES = {
    "extra_forbidden": "unknown_parameter",
    "missing": "missing_required_parameter",
    "union_tag_not_found": "missing_required_parameter",
}

S = TypeVar("S", bound=Shape)


def checked(shape: type[S], data: object, path: str) -> S:
    """`data` as `shape`. Raises InvalidInput `unknown_parameter`, `missing_required_parameter`, `invalid_type` or `invalid_value`
    with the path of the first misfit, such as `session.audio.input.turn_detection.threshold`."""
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        kind, param = first["type"], _path(path, first["loc"])
        if kind == "union_tag_not_found":
            param += ".type"
        code = _CODES.get(kind, "invalid_type" if kind.endswith("_type") else "invalid_value")
        raise InvalidInput(code, f"{param}: {first['msg']}", param=param) from None


def _path(start: str, parts: tuple[int | str, ...]) -> str:
    path = start
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in _UNION_TAGS:
            path += f".{part}"
    return path.removeprefix(".")
