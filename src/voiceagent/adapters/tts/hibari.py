"""Text to speech by hibari: small English voices at 24 kHz, run in ONNX Runtime, one piece of text after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import hibari
import numpy as np
from hibari.voices import DEFAULT, VOICES, voice_path
from numpy.typing import NDArray

from voiceagent.adapters.tts.pieces import pieces
from voiceagent.adapters.tts.requests import check_speed, check_voice, closed
from voiceagent.adapters.tts.silence import trimmed
from voiceagent.adapters.tts.spoken_text import spoken
from voiceagent.domain.audio import Speech
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.offload import Offload
from voiceagent.ports.tts import TtsCapabilities

RATE_HZ = 24_000
_SEED = 0
"""Seeds the breath in the voice: the same words always sound the same."""


class Hibari:
    """Pieces queue on one worker thread, so that callers take turns piece by piece.

    Measured (2 cores, 2026-11): 2 s of speech in 20 ms, 9 s in 100 ms. From speed 2.2 on it hardly gets faster.
    """

    def __init__(self, voice: str = DEFAULT, *, threads: int = 1) -> None:
        self._threads = threads
        self._voices: dict[str, hibari.Hibari] = {}
        self._capabilities = TtsCapabilities("hibari", RATE_HZ, _installed(voice), ("en",))
        self._pool = Offload("tts", threads=1)
        self._closed = False
        for warm_up in ("Hello there.", "Zorbleflux."):  # the second wakes the network for words outside the lexicon
            self._sound(warm_up, self._capabilities.voices[0], 1.0)

    @property
    def capabilities(self) -> TtsCapabilities:
        return self._capabilities

    async def synthesize(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncIterator[Speech]:
        check_speed(speed)
        name = check_voice(voice, self._capabilities.voices)
        silent = ""
        for piece in pieces(text):
            if self._closed:
                raise closed()
            pcm = await self._pool.run(self._sound, piece, name, speed)
            if not pcm:
                silent += piece
                continue
            yield Speech(pcm, RATE_HZ, silent + piece)
            silent = ""

    async def close(self) -> None:
        self._closed = True
        self._pool.close()
        self._voices.clear()

    def _sound(self, piece: str, voice: str, speed: float) -> bytes:
        """The sound of one piece, or b"" when nothing in it can be said. Runs in the worker."""
        words = spoken(piece)
        if not words:
            return b""
        try:
            model = self._model(voice)
            phonemes = [part for part in model.phonemize(words) if any(letter.isalpha() for letter in part)]
            rng = np.random.default_rng(_SEED)
            parts = [model.from_ids(model.ids(part), speed, rng) for part in phonemes]
        except Exception as error:  # the package documents no errors; ONNX Runtime's have no common ancestor
            raise Unavailable("tts_unavailable", "the voice failed on this text") from error
        return _pcm(trimmed(np.concatenate(parts), RATE_HZ, piece, speed)) if parts else b""

    def _model(self, voice: str) -> hibari.Hibari:
        if voice not in self._voices:
            british = VOICES[voice]["british"]
            same = [one for name, one in self._voices.items() if VOICES[name]["british"] == british]
            self._voices[voice] = hibari.Hibari(voice, threads=self._threads, g2p=same[0].g2p if same else None)
        return self._voices[voice]


def _pcm(samples: NDArray[np.float32]) -> bytes:
    return (np.clip(np.nan_to_num(samples), -1.0, 1.0) * 32767).astype("<i2").tobytes()


def _installed(first: str) -> tuple[str, ...]:
    """The voices that lie on this machine, `first` in front; the package would fetch others from the network, unasked."""
    names = [name for name in VOICES if VOICES[name].get("bundled") or _cached(name)]
    if first not in names:
        raise Misconfigured(
            "model_missing", f"the hibari voice {first} is not installed; there are: {', '.join(names)}"
        )
    return (first, *(name for name in names if name != first))


def _cached(name: str) -> bool:
    try:
        return Path(voice_path(name, download_missing=False)).is_file()
    except FileNotFoundError:
        return False


def open_tts(url: str, *, threads: int = 1) -> Hibari:
    """The voice for `hibari:///` or `hibari:///?voice=heart`. Raises Misconfigured `model_missing` when it does not load.

    Blocking for about 1.5 s: the lexicon and the network are read and warmed up.
    """
    voice = parse_qs(urlsplit(url).query).get("voice", [DEFAULT])[-1]
    try:
        return Hibari(voice, threads=threads)
    except Unavailable as error:
        raise Misconfigured("model_missing", "the hibari voice does not load; reinstall the package") from error
