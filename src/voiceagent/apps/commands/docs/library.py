"""The management API as the docs commands call it: upload, look, search, ask. Prints nothing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from voiceagent.kit.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    Problem,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)

CONNECT_S = 10.0
CALL_S = 60.0
UPLOAD_S = 3_600.0
_PIECE_BYTES = 256 * 1024
_KINDS: dict[int, type[Problem]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
    415: Unsupported,
    429: RateLimited,
}


class Library:
    """The documents behind a gateway, called with an API key. Every call raises the problem that the gateway tells, or Unavailable
    `gateway_unavailable`."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = f"{url}/api/v1"

    async def upload(
        self, path: Path, *, collection_id: str | None, replaces: str | None, sent: Callable[[int], None]
    ) -> dict[str, Any]:
        """The document that the file became, still to be read. sent(bytes) is called as they go out."""
        form = aiohttp.FormData(quote_fields=False)  # percent signs would stay in the name
        if collection_id:
            form.add_field("collection_id", collection_id)
        if replaces:
            form.add_field("document_id", replaces)
        form.add_field("file", _pieces(path, sent), filename=path.name, content_type="application/octet-stream")
        return await self._call("POST", "/documents", within_s=UPLOAD_S, data=form)

    async def document(self, document_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/documents/{document_id}")

    async def again(self, document_id: str, *, password: str) -> dict[str, Any]:
        """The document, to be read again with the password of its file."""
        return await self._call("POST", f"/documents/{document_id}/reindex", json={"password": password})

    async def search(self, query: str, *, limit: int, collection_ids: list[str] | None) -> list[dict[str, Any]]:
        body = {"query": query, "limit": limit, "collection_ids": collection_ids}
        found = await self._call("POST", "/search", json=body)
        return list(found["items"])

    async def ask(self, question: str, *, agent_id: str | None, collection_ids: list[str] | None) -> dict[str, Any]:
        body: dict[str, Any] = {"question": question, "collection_ids": collection_ids}
        return await self._call("POST", "/ask", json=body | ({"agent_id": agent_id} if agent_id else {}))

    async def _call(self, method: str, path: str, *, within_s: float = CALL_S, **body: Any) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=within_s, connect=CONNECT_S)
        try:
            async with self._http.request(method, self._url + path, timeout=timeout, **body) as answer:
                told = await answer.json(content_type=None)
        except aiohttp.ClientConnectorCertificateError as error:
            message = f"the certificate of {self._url} is not good here; name its authority with --ca or tls.trusted_ca"
            raise Unavailable("gateway_not_trusted", message) from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable("gateway_unavailable", f"{self._url} does not answer") from error
        if answer.status >= 400 or not isinstance(told, dict):
            raise _problem(answer.status, told)
        return told


@asynccontextmanager
async def library(url: str, key: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Library]:
    """The library at the gateway `url`. tls: how an https gateway is verified."""
    connector = aiohttp.TCPConnector(ssl=tls or True)
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {key}"}, connector=connector) as http:
        yield Library(http, url)


async def _pieces(path: Path, sent: Callable[[int], None]) -> AsyncIterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece
                sent(len(piece))
    except OSError as error:
        raise InvalidInput("file_unreadable", f"cannot read {path}: {error.strerror}", param="paths") from error


def _problem(status: int, told: Any) -> Problem:
    body = told if isinstance(told, dict) else {}
    kind = _KINDS.get(status, InvalidInput if 400 <= status < 500 else Unavailable)
    code, param = str(body.get("code") or "gateway_unavailable"), body.get("param") or None
    message = str(body.get("detail") or f"the gateway answered {status}")
    if code == "invalid_request" and param:  # what the form says of a field does not name it
        message = f"{param}: {message}"
    return kind(code, message, param=param)
