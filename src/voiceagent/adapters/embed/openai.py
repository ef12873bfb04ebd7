"""Embeddings from any server that speaks OpenAI's /embeddings. Batches, bounded waits, errors translated."""

from __future__ import annotations

import asyncio
import base64
import os
from array import array
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from voiceagent.kit.calls.outbound import Outbound, guarded
from voiceagent.kit.errors import Misconfigured, Problem, RateLimited, Unavailable
from voiceagent.ports.embed import EmbedCapabilities

BATCH = 64
_TIMEOUT_S = 30.0
_QUERY_TIMEOUT_S = 5.0
_DEFAULT_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}


def open_embed(url: str, *, api_key: str | None = None, outbound: Outbound | None = None) -> OpenAiEmbedder:
    """The embedder for `openai+http(s)://host/v1?model=NAME&dimensions=N[&max_tokens=N]`.

    api_key: None reads OPENAI_API_KEY.  outbound: where calls may go. Raises Misconfigured `bad_url` when model or dimensions are missing.
    """
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    model = options.get("model", [""])[0]
    raw_dimensions = options.get("dimensions", [str(_DEFAULT_DIMENSIONS.get(model, ""))])[0]
    if not model or not raw_dimensions.isdigit() or int(raw_dimensions) == 0:
        raise Misconfigured("bad_url", "the embeddings URL needs ?model=NAME&dimensions=N")
    endpoint = f"{parts.scheme.removeprefix('openai+')}://{parts.netloc}{parts.path.rstrip('/')}/embeddings"
    raw_tokens = options.get("max_tokens", ["8191"])[0]
    if not raw_tokens.isdigit():
        raise Misconfigured("bad_url", "max_tokens must be a whole number")
    capabilities = EmbedCapabilities(model=model, dimensions=int(raw_dimensions), max_tokens=int(raw_tokens))
    key = os.environ.get("OPENAI_API_KEY", "") if api_key is None else api_key
    return OpenAiEmbedder(endpoint, capabilities, key, outbound)


class OpenAiEmbedder:
    """One connection pool to one server. Questions have a place of their own beside the batches of passages."""

    def __init__(
        self, endpoint: str, capabilities: EmbedCapabilities, api_key: str = "", outbound: Outbound | None = None
    ) -> None:
        self._outbound = outbound
        self._endpoint = endpoint
        self._capabilities = capabilities
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._session: aiohttp.ClientSession | None = None
        self._passages = asyncio.Semaphore(2)
        self._closed = False

    @property
    def capabilities(self) -> EmbedCapabilities:
        return self._capabilities

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> tuple[tuple[float, ...], ...]:
        if self._closed:
            raise Unavailable("embed_unavailable", "the embedder is closed")
        vectors: list[tuple[float, ...]] = []
        for at in range(0, len(texts), BATCH):
            batch = texts[at : at + BATCH]
            if query:
                vectors.extend(await self._call(batch, _QUERY_TIMEOUT_S))
                continue
            async with self._passages:
                vectors.extend(await self._call(batch, _TIMEOUT_S))
        return tuple(vectors)

    async def close(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _call(self, texts: tuple[str, ...], timeout_s: float) -> list[tuple[float, ...]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, connector=guarded(self._outbound))
        body = {
            "model": self._capabilities.model,
            "input": [text or " " for text in texts],  # servers refuse an empty input
            "encoding_format": "float",
        }
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=2.0)
        try:
            async with self._session.post(
                self._endpoint, json=body, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise _refused(response)
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable("embed_unavailable", "the embeddings server does not answer") from error
        return self._vectors(answer, len(texts))

    def _vectors(self, answer: Any, expected: int) -> list[tuple[float, ...]]:
        try:
            rows = sorted(answer["data"], key=lambda row: int(row["index"]))
            vectors = [_unit(row["embedding"]) for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("embed_unavailable", "the embeddings server sent something else") from error
        if len(vectors) != expected:
            raise Unavailable("embed_unavailable", "the embeddings server sent a different number of vectors")
        if any(len(vector) != self._capabilities.dimensions for vector in vectors):
            raise Misconfigured("embed_dimensions", "the model's vectors have another length than `dimensions` says")
        return vectors


def _unit(raw: Any) -> tuple[float, ...]:
    values = array("f", base64.b64decode(raw)) if isinstance(raw, str) else [float(value) for value in raw]
    length = sum(value * value for value in values) ** 0.5
    if not 0.0 < length < float("inf"):
        raise ValueError("a vector without length")
    return tuple(value / length for value in values)


def _refused(response: aiohttp.ClientResponse) -> Problem:
    status = response.status
    if status in (401, 403):
        return Misconfigured("embed_credentials", "the embeddings server refuses the credentials")
    if status == 429:
        after = response.headers.get("Retry-After", "")
        wait_s = float(after) if after.isdecimal() and len(after) < 6 else None
        return RateLimited("embed_rate_limited", "the embeddings server asks to wait", retry_after_s=wait_s)
    return Unavailable("embed_unavailable", f"the embeddings server answered {status}")
