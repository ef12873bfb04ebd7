"""One window of audio to words: Whisper run by CTranslate2 on a window cut to the utterance, and again on a longer one when in doubt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import ctranslate2
from ctranslate2.models import Whisper

from voiceagent.adapters.stt.guards import Attempt, is_doubtful, is_silence, without_loops
from voiceagent.adapters.stt.times import placed
from voiceagent.adapters.stt.tokens import Vocabulary
from voiceagent.adapters.stt.window import (
    FULL_FRAMES,
    Floats,
    features,
    is_inaudible,
    longer_frames,
    short_frames,
    window,
)
from voiceagent.domain.audio import SPEECH_RATE_HZ, Word
from voiceagent.kit.errors import Misconfigured
from voiceagent.kit.mel import HOP_SAMPLES

MIN_TOKENS, TOKENS_PER_S = 12, 8
"""Fast English is 5.5 tokens a second (measured on LibriSpeech); a decoder that writes more runs in a circle."""

LIMIT_TOKENS = 224
_ALIGNMENT_S = 0.02
_DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller wants. language: of the model's vocabulary, None to find out.  cancelled: nobody waits any more."""

    language: str | None
    context: str
    words: bool
    cancelled: Event


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of one window. Log-probability and no_speech are of the attempt that was believed; times start with the window."""

    text: str
    language: str
    log_probability: float
    no_speech: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    """An attempt, its tokens, and the encoder's output that it came from."""

    attempt: Attempt
    tokens: list[int]
    encoded: ctranslate2.StorageView
    language: str


class Recogniser:
    """A loaded model. Not a port: blocking, and one call at a time."""

    def __init__(self, folder: Path, *, threads: int, compute: str = "int8") -> None:
        """Raises Misconfigured `model_corrupt` when the folder holds no model of this kind."""
        try:
            self._model = Whisper(str(folder), device="cpu", compute_type=compute, intra_threads=threads)
        except (RuntimeError, ValueError) as error:
            raise Misconfigured(
                "model_corrupt", "the folder holds no Whisper model that CTranslate2 can load"
            ) from error
        self.vocabulary = Vocabulary(folder / "tokenizer.json", multilingual=self._model.is_multilingual)

    def hear(self, samples: Floats, wish: Wish) -> Heard:
        """The words in float32 `samples` [n] at 16 kHz, at most 30 s. Empty for silence and noise. Raises RuntimeError of the library."""
        language = wish.language or _DEFAULT_LANGUAGE
        if is_inaudible(samples):
            return Heard("", language, 0.0, 1.0)
        spectrum = features(samples, self._model.n_mels)
        limit = _token_limit(len(samples))
        frames = short_frames(len(samples))
        run = self._run(window(spectrum, frames), wish, limit)
        if (
            frames < FULL_FRAMES
            and not is_silence(run.attempt)
            and is_doubtful(run.attempt)
            and not wish.cancelled.is_set()
        ):
            # Without the caller's context, which may be what led the decoder astray.
            run = _believed(run, self._run(window(spectrum, longer_frames(frames)), replace(wish, context=""), limit))
        if is_silence(run.attempt):
            return Heard("", run.language, run.attempt.log_probability, run.attempt.no_speech)
        return self._heard(run, samples, wish.words)

    def unload(self) -> None:
        """Give back the memory of the model."""
        self._model.unload_model()

    def _run(self, view: Floats, wish: Wish, limit_tokens: int) -> _Run:
        encoded = self._model.encode(ctranslate2.StorageView.from_array(view))
        language = wish.language or self._spoken(encoded)
        if wish.cancelled.is_set():  # half of the time is still to come, and the next call waits for it
            return _Run(Attempt("", 0.0, 1.0), [], encoded, language)
        prompt = self.vocabulary.prompt(language, wish.context)
        (result,) = self._model.generate(
            encoded,
            [prompt],
            beam_size=1,
            # The library gives the answer half of what it is told here, the other half is the prompt's.
            max_length=2 * limit_tokens,
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens = [token for token in result.sequences_ids[0] if token < self.vocabulary.end]
        text = self.vocabulary.text(tokens).strip()
        cut = len(result.sequences_ids[0]) >= limit_tokens - 1
        return _Run(Attempt(text, result.scores[0], result.no_speech_prob, cut), tokens, encoded, language)

    def _spoken(self, encoded: ctranslate2.StorageView) -> str:
        """The language that the model hears."""
        (ranked,) = self._model.detect_language(encoded)
        name: str = ranked[0][0]
        return name.strip("<|>")

    def _heard(self, run: _Run, samples: Floats, words: bool) -> Heard:
        attempt = run.attempt
        text = without_loops(attempt.text)
        times = self._words(run, samples) if words and run.tokens else ()
        return Heard(text, run.language, attempt.log_probability, attempt.no_speech, times)

    def _words(self, run: _Run, samples: Floats) -> tuple[Word, ...]:
        """Where each word lies, from the cross-attention of the model's alignment heads."""
        frames = max(2, min(FULL_FRAMES, -(-len(samples) // HOP_SAMPLES)))
        start = self.vocabulary.start(run.language)
        (aligned,) = self._model.align(run.encoded, start, [run.tokens], [frames])
        begins: dict[int, float] = {}
        for token, step in aligned.alignments:
            begins.setdefault(token, step * _ALIGNMENT_S)
        return placed(self.vocabulary.words(run.tokens, run.language), begins, samples)


def _believed(short: _Run, full: _Run) -> _Run:
    """Which of two attempts to take: the one that is not in doubt, otherwise the longer window, which is what the model knows."""
    if is_doubtful(full.attempt) and full.attempt.log_probability < short.attempt.log_probability:
        return full if short.attempt.cut or without_loops(short.attempt.text) != short.attempt.text else short
    return full


def _token_limit(samples: int) -> int:
    return min(LIMIT_TOKENS, MIN_TOKENS + TOKENS_PER_S * samples // SPEECH_RATE_HZ)
