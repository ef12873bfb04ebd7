"""Embeddings on this machine: all-MiniLM-L6-v2 (int8) through ONNX Runtime. One thread a worker, no spinning, questions first."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from voiceagent.kit.errors import Misconfigured, Problem, Unavailable
from voiceagent.kit.offload import Offload
from voiceagent.ports.embed import EmbedCapabilities
from voiceagent.ports.models import ModelPaths

MODEL = "minilm-l6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256

BATCH = 2
"""Passages in one call of the model. Measured on 2 cores: 1 to 4 texts of like length are fastest (17/s a thread), 16 a fifth slower."""

_PASSAGE_QUEUE = 4_096
_KEPT_QUESTIONS = 256
_BULK_NICENESS = 10
"""Above this process; it costs nothing while the processors are idle."""

_LEAST_PRIORITY = 19

Floats = NDArray[np.float32]


def open_embed(url: str, *, models: ModelPaths, threads: int = 2) -> MiniLmEmbedder:
    """The embedder for `minilm:///` (the model store's copy) or `minilm:///abs/folder` with model.onnx and tokenizer.json.

    threads: workers for passages; questions always have one of their own. Raises Misconfigured `model_missing` or `model_corrupt`.
    """
    given = unquote(urlsplit(url).path)
    folder = Path(given) if given.strip("/") else models.path(MODEL)
    return MiniLmEmbedder(folder, name=MODEL if not given.strip("/") else folder.name, threads=threads)


class MiniLmEmbedder:
    """Mean of the last hidden states, of unit length. Passages run on threads of low priority; a question never waits for them."""

    def __init__(self, folder: Path, *, name: str = MODEL, threads: int = 2, polite: bool = True) -> None:
        """polite: passages give way to everything else on the machine; for processes that do nothing else, turn it off."""
        self._capabilities = EmbedCapabilities(model=name, dimensions=DIMENSIONS, max_tokens=MAX_TOKENS)
        self._session = _session(folder / "model.onnx")
        self._tokenizer = _tokenizer(folder / "tokenizer.json")
        self._threads = max(threads, 1)
        self._polite = polite
        self._passages = Offload("embed-passages", threads=self._threads, queue=_PASSAGE_QUEUE)
        self._questions = Offload("embed-questions", threads=1)
        self._known: OrderedDict[str, Floats] = OrderedDict()
        self._closed = False

    @property
    def capabilities(self) -> EmbedCapabilities:
        return self._capabilities

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> tuple[tuple[float, ...], ...]:
        if self._closed:
            raise Unavailable("embed_unavailable", "the embedder is closed")
        if not texts:
            return ()
        rows = await (self._questions_first(texts) if query else self._in_batches(texts))
        return tuple(tuple(row) for row in rows.tolist())

    async def close(self) -> None:
        self._closed = True
        self._passages.close()
        self._questions.close()

    async def _questions_first(self, texts: tuple[str, ...]) -> Floats:
        """A question is embedded for the search and again beside the sentences that may answer it: the last ones are remembered."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
        known = {text: self._known[text] for text in texts if text in self._known}
        if fresh:
            rows = await self._guarded(self._questions.run(self._vectors, fresh))
            known |= dict(zip(fresh, rows, strict=True))
        for text in texts:
            self._known[text] = known[text]
            self._known.move_to_end(text)
        while len(self._known) > _KEPT_QUESTIONS:
            self._known.popitem(last=False)
        return np.stack([known[text] for text in texts])

    async def _in_batches(self, texts: tuple[str, ...]) -> Floats:
        """Texts of like length together, a few batches in flight: a cancelled caller leaves at most those behind."""
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
        rows = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        lanes = asyncio.Semaphore(self._threads)

        async def one(batch: list[int]) -> None:
            async with lanes:
                rows[batch] = await self._guarded(
                    self._passages.run(self._bulk_vectors, [texts[index] for index in batch])
                )

        tasks = [asyncio.ensure_future(one(batch)) for batch in batches]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return rows

    async def _guarded(self, work: Any) -> Floats:
        try:
            rows: Floats = await work
        except Problem:
            raise
        except (
            RuntimeError
        ) as error:  # ONNX Runtime raises its own subclasses of RuntimeError; a closed pool raises it too
            raise Unavailable("embed_unavailable", "the embedding model does not answer") from error
        return rows

    def _bulk_vectors(self, texts: Sequence[str]) -> Floats:
        if self._polite:
            _lower_priority_once()
        return self._vectors(texts)

    def _vectors(self, texts: Sequence[str]) -> Floats:
        encodings = self._tokenizer.encode_batch(list(texts))
        longest = max(len(encoding.ids) for encoding in encodings)
        ids = np.zeros((len(encodings), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states: Floats = self._session.run(["last_hidden_state"], feed)[0]
        return _unit_mean(states, mask)


def _unit_mean(states: Floats, mask: NDArray[np.int64]) -> Floats:
    """Mean over the real tokens of states (texts, tokens, dimensions), scaled to length 1."""
    weights = mask[..., None].astype(np.float32)
    mean = (states * weights).sum(axis=1) / weights.sum(axis=1)
    unit: Floats = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    return unit


_seen = threading.local()


def _lower_priority_once() -> None:
    """Passages may take long and nobody listens to them: the threads that carry sound go first."""
    if getattr(_seen, "lowered", False) or not hasattr(os, "setpriority"):
        return
    _seen.lowered = True
    try:
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(own + _BULK_NICENESS, _LEAST_PRIORITY))
    except OSError:  # a system where threads have no priority of their own; speed is all that is lost
        return


def _session(path: Path) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library raises a different type for each way a file can be wrong
        code = "model_corrupt" if path.exists() else "model_missing"
        raise Misconfigured(
            code, f"the embedding model {path.name} cannot be loaded; run `voiceagent models pull`"
        ) from error


def _tokenizer(path: Path) -> Any:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises plain Exception
        code = "model_corrupt" if path.exists() else "model_missing"
        raise Misconfigured(code, f"{path.name} cannot be loaded; run `voiceagent models pull`") from error
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer
