"""Reranking by a server: the /rerank of Cohere, Jina and vLLM, or the one of Text Embeddings Inference. Bounded waits, errors translated."""

from __future__ import annotations

import math
import os
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from voiceagent.kit.errors import DeadlineExceeded, Misconfigured, Unavailable

_CONNECT_S = 2.0
Json = dict[str, Any]


def open_rerank(url: str, *, api_key: str | None = None) -> RerankServer:
    """The reranker for `rerank+http(s)://host/v1?model=NAME[&key_env=NAME]` or `tei+http(s)://host[?key_env=NAME]`.

    key_env: the environment variable with the key. Raises Misconfigured `bad_url`.
    """
    parts = urlsplit(url)
    shape, _, scheme = parts.scheme.partition("+")
    options = parse_qs(parts.query)
    model = options.get("model", [""])[0]
    if not parts.hostname or (shape == "rerank" and not model):
        raise Misconfigured("bad_url", "the reranker's URL needs a host, and ?model=NAME unless it begins with tei+")
    key = api_key or os.environ.get(options.get("key_env", [""])[0], "")
    endpoint = f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/rerank"
    return RerankServer(endpoint, model if shape == "rerank" else None, key)


class RerankServer:
    """One connection pool to one server. model: None speaks the shape of Text Embeddings Inference."""

    def __init__(self, endpoint: str, model: str | None, api_key: str = "") -> None:
        self._endpoint = endpoint
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def scores(self, question: str, texts: tuple[str, ...], *, within_s: float) -> tuple[float, ...]:
        if self._closed:
            raise Unavailable("rerank_unavailable", "the reranker is closed")
        if not texts:
            return ()
        answer = await self._call(self._body(question, texts), within_s)
        try:
            return _scores(answer if self._model is None else answer["results"], len(texts))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Unavailable("rerank_unavailable", "the reranking server sent something else") from error

    async def close(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _body(self, question: str, texts: tuple[str, ...]) -> Json:
        if self._model is None:
            return {"query": question, "texts": list(texts), "truncate": True}
        # Servers give back only the best few unless they are told how many.
        return {"model": self._model, "query": question, "documents": list(texts), "top_n": len(texts)}

    async def _call(self, body: Json, within_s: float) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers)
        timeout = aiohttp.ClientTimeout(total=within_s, connect=min(_CONNECT_S, within_s))
        try:
            async with self._session.post(
                self._endpoint, json=body, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status in (401, 403):
                    raise Misconfigured("rerank_credentials", "the reranking server refuses the credentials")
                if response.status != 200:
                    raise Unavailable("rerank_unavailable", f"the reranking server answered {response.status}")
                return await response.json(content_type=None)
        except TimeoutError as error:
            raise DeadlineExceeded("rerank_deadline", "the reranking server took longer than it may") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise Unavailable("rerank_unavailable", "the reranking server does not answer") from error


def _scores(rows: Any, count: int) -> tuple[float, ...]:
    """The scores in the order of the texts. Raises ValueError when one is missing or is no number."""
    found: dict[int, float] = {}
    for row in rows:
        found[int(row["index"])] = float(row["relevance_score"] if "relevance_score" in row else row["score"])
    if found.keys() != set(range(count)) or not all(map(math.isfinite, found.values())):
        raise ValueError("not one score a text")
    return tuple(found[at] for at in range(count))
