"""Embeddings on this machine: all-MiniLM-L6-v2. Questions first, passages at a low priority. What multiplies stands in encoders.py."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from tokenizers import Tokenizer

from voiceagent.adapters.embed.encoders import Encoder, FloatEncoder, Floats, IntegerEncoder, has_whole_numbers
from voiceagent.kit.errors import Misconfigured, Problem, Unavailable
from voiceagent.kit.offload import Offload
from voiceagent.ports.embed import EmbedCapabilities
from voiceagent.ports.models import ModelPaths

MODEL = "minilm-l6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256

BATCH = 2
"""Passages in one call of the model. Measured: 1 to 4 texts of like length are fastest, 8 a tenth slower."""

WHOLE, FLOATS = "int8", ""
"""Revisions: whole numbers multiplied, or floats. Their vectors are near each other (cosine above 0.98), not the same."""

_PASSAGE_QUEUE = 4_096
_KEPT_QUESTIONS = 256
_BULK_NICENESS = 10
"""Above this process; it costs nothing while the processors are idle."""

_LEAST_PRIORITY = 19


def open_embed(url: str, *, models: ModelPaths, threads: int = 2) -> MiniLmEmbedder:
    """The embedder for `minilm:///` (the model store's copy) or `minilm:///abs/folder` with model.onnx and tokenizer.json.

    `?compute=floats` multiplies floats even where whole numbers would do: other vectors, 2.5 times the work.
    threads: workers for passages; questions always have one of their own.
    Raises Misconfigured `model_missing`, `model_corrupt` or `bad_url`.
    """
    parts = urlsplit(url)
    compute = parse_qs(parts.query).get("compute", ["whole"])[0]
    if compute not in ("whole", "floats"):
        raise Misconfigured("bad_url", "compute must be `whole` or `floats`")
    given = unquote(parts.path)
    folder = Path(given) if given.strip("/") else models.path(MODEL)
    name = MODEL if not given.strip("/") else folder.name
    return MiniLmEmbedder(folder, name=name, threads=threads, whole=compute == "whole")


class MiniLmEmbedder:
    """Mean of the last hidden states, of unit length. Passages run on threads of low priority; a question never waits for them."""

    def __init__(
        self, folder: Path, *, name: str = MODEL, threads: int = 2, polite: bool = True, whole: bool = True
    ) -> None:
        """polite: passages give way to everything else on the machine; for processes that do nothing else, turn it off.

        whole: passages multiply whole numbers where file and processor can; the revision of the capabilities says whether they do.
        Questions multiply floats: they are short, and that is worth 0.002 nDCG@10 on one judged set (-0.003 on the other, still above
        floats on both sides).
        """
        self._path = folder / "model.onnx"
        self._threads = max(threads, 1)
        self._polite = polite
        with _loading(self._path):
            self._whole = whole and has_whole_numbers(self._path)
            self._asked: Encoder = FloatEncoder(self._path)
        self._tokenizer = _tokenizer(folder / "tokenizer.json")
        self._told: Encoder | None = None if self._whole else self._asked
        self._making = threading.Lock()
        revision, other = (WHOLE, name) if self._whole else (FLOATS, f"{name}/{WHOLE}")
        self._capabilities = EmbedCapabilities(name, DIMENSIONS, MAX_TOKENS, revision, near=(other,))
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
            rows = await self._guarded(self._questions.run(self._vectors, self._asked, fresh))
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
        with self._making:
            if self._told is None:  # made here, since its threads get the priority of this one
                self._told = IntegerEncoder(self._path, threads=self._threads)
        return self._vectors(self._told, texts)

    def _vectors(self, encoder: Encoder, texts: Sequence[str]) -> Floats:
        return encoder.vectors([encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))])


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


@contextmanager
def _loading(path: Path) -> Iterator[None]:
    """Whatever goes wrong meanwhile, the file is at fault."""
    try:
        yield
    except Exception as error:  # the libraries raise a different type for each way a file can be wrong
        code = "model_corrupt" if path.exists() else "model_missing"
        message = f"the embedding model {path.name} cannot be loaded; run `voiceagent models pull`"
        raise Misconfigured(code, message) from error


def _tokenizer(path: Path) -> Any:
    with _loading(path):
        tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer
