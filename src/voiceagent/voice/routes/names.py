"""Names of models and voices that callers of the audio routes may use. Pure."""

from __future__ import annotations

from voiceagent.kit.errors import NotFound
from voiceagent.voice.wire.config import GUEST_VOICES

GUEST_MODELS = frozenset(
    {"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe", "tts-1", "tts-1-hd"}
    | {"gpt-4o-mini-tts"}
)
"""Names that clients of the protocol send; they stand for the model that this installation has."""


def check_model(name: str, own: str) -> None:
    """Let through our model's name, no name, and the usual ones. Raises NotFound `model_not_found`."""
    if name and name != own and name not in GUEST_MODELS:
        raise NotFound("model_not_found", f"There is no such model here; this installation has {own}.", param="model")


def own_voice(name: str, voices: tuple[str, ...]) -> str:
    """The voice for the adapter: usual names of other providers stand for the default voice, any other passes as it is."""
    return "" if name in GUEST_VOICES and name not in voices else name
