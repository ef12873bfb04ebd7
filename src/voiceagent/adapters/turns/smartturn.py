"""End of turn by Smart Turn v3: a Whisper-tiny encoder with a binary head, run in ONNX Runtime on the last 8 s of the turn."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import onnxruntime

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ
from voiceagent.kit.errors import InvalidInput, Misconfigured, Unavailable
from voiceagent.kit.mel import Floats, log_mel, samples_of
from voiceagent.kit.offload import Offload
from voiceagent.ports.models import ModelPaths

MODEL = "smart-turn-v3.2"
WINDOW_SAMPLES = 8 * SPEECH_RATE_HZ
SHORTEST_S = 0.1
_WINDOW_BYTES = WINDOW_SAMPLES * SAMPLE_BYTES
_SHORTEST_BYTES = int(SHORTEST_S * SPEECH_RATE_HZ) * SAMPLE_BYTES
_VARIANCE_FLOOR = 1e-7
_UNKNOWN = 0.5


class SmartTurn:
    """Calls queue on one worker thread; one decision takes 44 ms of model and 4 ms of features on one core.

    Measured: 2 cores, quiet, 2026-11; `threads=2` takes 28 ms of model and both cores.
    """

    def __init__(self, model: Path, *, threads: int = 1) -> None:
        self._session = _session(model, threads)
        self._pool = Offload("turns", threads=1)
        self._closed = False
        self._judge(np.zeros(WINDOW_SAMPLES, np.float32))  # the first run allocates; callers should not wait for it

    async def probability(self, pcm: bytes) -> float:
        if len(pcm) % SAMPLE_BYTES:
            raise InvalidInput("bad_audio", "16-bit audio has an even number of bytes")
        if self._closed:
            raise Unavailable("turns_unavailable", "the end-of-turn model is closed")
        if len(pcm) < _SHORTEST_BYTES:
            return _UNKNOWN
        return await self._pool.run(self._judge, samples_of(pcm[-_WINDOW_BYTES:]))

    async def close(self) -> None:
        self._closed = True
        self._pool.close()

    def _judge(self, samples: Floats) -> float:
        features = features_of(samples)[None]
        try:
            (answer,) = self._session.run(None, {"input_features": features})
        except Exception as error:  # the runtime raises classes of its own without a public common ancestor
            raise Unavailable("turns_unavailable", "the end-of-turn model failed") from error
        return float(np.clip(answer.item(), 0.0, 1.0))


def features_of(samples: Floats) -> Floats:
    """What the model hears, float32 [80, 800]: the last 8 s, silence in front, mean 0 and variance 1 over all 8 s."""
    window = np.zeros(WINDOW_SAMPLES, np.float32)
    window[WINDOW_SAMPLES - len(samples) :] = samples
    window -= window.mean()
    window *= np.float32(1.0) / np.sqrt(window.var() + np.float32(_VARIANCE_FLOOR))
    return log_mel(window)


def _session(model: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle cores belong to the other models
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above: one unrelated class for each of its error codes
        raise Misconfigured("model_corrupt", f"the end-of-turn model {model.name} does not load") from error


def open_turns(url: str, *, models: ModelPaths) -> SmartTurn:
    """`smartturn:///` for the installed model, `smartturn:///path/model.onnx` for another; `?threads=2` halves the wait.

    Raises Misconfigured `model_missing`, `model_corrupt` or `bad_url`.
    """
    parts = urlsplit(url)
    threads = parse_qs(parts.query).get("threads", ["1"])[-1]
    if not threads.isdecimal() or not 1 <= int(threads) <= 16:
        raise Misconfigured("bad_url", "threads of the end-of-turn model is a number from 1 to 16")
    path = unquote(parts.path)
    model = Path(path) if path not in ("", "/") else models.path(MODEL)
    if not model.is_file():
        raise Misconfigured("model_missing", f"there is no end-of-turn model at {model}")
    return SmartTurn(model, threads=int(threads))
