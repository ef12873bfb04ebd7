"""Scripted embeddings: each word is hashed to a direction. Deterministic, instant, no model: for demos, load tests and CI."""

from __future__ import annotations

import hashlib
import math
import re
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.ports.embed import EmbedCapabilities

_WORD = re.compile(r"\w+")
_DIRECTIONS_PER_WORD = 4


def open_embed(url: str) -> HashedEmbedder:
    """The embedder for `hashed://` or `hashed://?dimensions=64&model=name`. Raises Misconfigured `bad_url`."""
    options = parse_qs(urlsplit(url).query)
    try:
        dimensions = int(options.get("dimensions", ["64"])[0])
    except ValueError as error:
        raise Misconfigured("bad_url", "dimensions must be a whole number") from error
    if not 8 <= dimensions <= 4_096:
        raise Misconfigured("bad_url", "dimensions must be 8 to 4096")
    return HashedEmbedder(dimensions, options.get("model", [f"hashed-{dimensions}"])[0])


class HashedEmbedder:
    """Texts that share words are near each other; word order and meaning do not count."""

    def __init__(self, dimensions: int = 64, model: str = "hashed-64") -> None:
        self._capabilities = EmbedCapabilities(model=model, dimensions=dimensions, max_tokens=100_000)
        self._closed = False

    @property
    def capabilities(self) -> EmbedCapabilities:
        return self._capabilities

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> tuple[tuple[float, ...], ...]:
        if self._closed:
            raise Unavailable("embed_unavailable", "the embedder is closed")
        return tuple(self._vector(text) for text in texts)

    async def close(self) -> None:
        self._closed = True

    def _vector(self, text: str) -> tuple[float, ...]:
        dimensions = self._capabilities.dimensions
        sums = [0.0] * dimensions
        for word in _WORD.findall(text.lower()) or [""]:
            for position, sign in _directions(word, dimensions):
                sums[position] += sign
        length = math.sqrt(sum(value * value for value in sums))
        if length == 0.0:  # opposite directions met; any fixed direction will do
            sums[0], length = 1.0, 1.0
        return tuple(value / length for value in sums)


@lru_cache(maxsize=50_000)
def _directions(word: str, dimensions: int) -> tuple[tuple[int, float], ...]:
    digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=4 * _DIRECTIONS_PER_WORD).digest()
    parts = [int.from_bytes(digest[at : at + 4], "big") for at in range(0, len(digest), 4)]
    return tuple((part % dimensions, 1.0 if part & 0x8000_0000 else -1.0) for part in parts)
