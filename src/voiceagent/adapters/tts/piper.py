"""Text to speech by Piper (GPL-3, the optional extra `piper`): a second voice at its own rate. Imported only when its URL is chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
from piper import PiperVoice, SynthesisConfig

from voiceagent.adapters.tts.pieces import pieces
from voiceagent.adapters.tts.requests import check_speed, check_voice, closed
from voiceagent.adapters.tts.silence import trimmed
from voiceagent.adapters.tts.spoken_text import spoken
from voiceagent.domain.audio import Speech
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.offload import Offload
from voiceagent.ports.models import ModelPaths
from voiceagent.ports.tts import TtsCapabilities

MODEL = "piper-joe"


class Piper:
    """One voice file; pieces queue on one worker thread. Measured (2 cores, 2026-11): 2.1 s of speech in 84 ms, 7 s in 385 ms."""

    def __init__(self, model: Path) -> None:
        try:
            self._voice = PiperVoice.load(model)
        except Exception as error:  # JSON, ONNX and file errors of three libraries without a common ancestor
            raise Misconfigured("model_corrupt", f"the Piper voice {model.name} does not load") from error
        name = model.stem
        self._rate_hz = int(self._voice.config.sample_rate)
        self._capabilities = TtsCapabilities(
            f"piper-{name}", self._rate_hz, (name,), (name.split("-")[0].replace("_", "-"),)
        )
        self._pool = Offload("tts", threads=1)
        self._closed = False
        self._sound("Hello there.", 1.0)

    @property
    def capabilities(self) -> TtsCapabilities:
        return self._capabilities

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncIterator[Speech]:
        check_speed(speed)
        check_voice(voice, self._capabilities.voices)
        silent = ""
        for piece in pieces(text):
            if self._closed:
                raise closed()
            pcm = await self._pool.run(self._sound, piece, speed)
            if not pcm:
                silent += piece
                continue
            yield Speech(pcm, self._rate_hz, silent + piece)
            silent = ""

    async def close(self) -> None:
        self._closed = True
        self._pool.close()

    def _sound(self, piece: str, speed: float) -> bytes:
        """The sound of one piece, or b"" when nothing in it can be said. Runs in the worker."""
        words = spoken(piece)
        if not words:
            return b""
        length = float(self._voice.config.length_scale or 1.0) / speed
        try:
            made = self._voice.synthesize(words, SynthesisConfig(length_scale=length))
            parts = [chunk.audio_float_array for chunk in made]
        except Exception as error:  # as above; the phonemiser has its own errors besides
            raise Unavailable("tts_unavailable", "the voice failed on this text") from error
        if not parts:
            return b""
        sound = trimmed(np.concatenate(parts).astype(np.float32), self._rate_hz, piece, speed)
        return (np.clip(np.nan_to_num(sound), -1.0, 1.0) * 32767).astype("<i2").tobytes()


def open_tts(url: str, *, models: ModelPaths) -> Piper:
    """The installed voice for `piper:///`, a voice of one's own for `piper:///path/voice.onnx` (its .onnx.json lies beside it).

    Raises Misconfigured `model_missing` or `model_corrupt`.
    """
    path = unquote(urlsplit(url).path)
    place = Path(path) if path not in ("", "/") else models.path(MODEL)
    files = sorted(place.glob("*.onnx")) if place.is_dir() else [place]
    if not files or not files[0].is_file():
        raise Misconfigured("model_missing", f"there is no Piper voice at {place}")
    return Piper(files[0])
