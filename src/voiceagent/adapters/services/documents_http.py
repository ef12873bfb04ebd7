"""The document module in another process: ports.services.Documents over HTTP, for the distributed profile."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
from pydantic import ValidationError

from voiceagent.domain.document import Passage, SearchQuery
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import DeadlineExceeded, InvalidInput, NotFound, Problem, Unavailable
from voiceagent.ports.documents_wire import PASSAGES, SEARCH_QUERY

_HEADER = "X-Voiceagent-Service"
_CONNECT_S = 1.0
_GRACE_S = 0.05
_STATUS: dict[int, type[Problem]] = {400: InvalidInput, 404: NotFound, 504: DeadlineExceeded}

ServiceToken = Callable[[Principal], str]
"""Makes the service token with which the document module is called in a caller's name."""


def open_documents(url: str, *, service_token: ServiceToken) -> DocumentsHttp:
    """The document module at `http://host:port`. Connects at the first call."""
    return DocumentsHttp(url, service_token)


class DocumentsHttp:
    """Implements ports.services.Documents."""

    def __init__(self, url: str, service_token: ServiceToken) -> None:
        self._url = f"{url.rstrip('/')}/internal/documents/search"
        self._token = service_token
        self._http: aiohttp.ClientSession | None = None

    async def search(self, principal: Principal, query: SearchQuery) -> tuple[Passage, ...]:
        if self._http is None:
            self._http = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=query.deadline_s + _GRACE_S, connect=_CONNECT_S)
        headers = {_HEADER: self._token(principal), "content-type": "application/json"}
        body = SEARCH_QUERY.dump_json(query)
        try:
            async with self._http.post(
                self._url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise await _refusal(answer)
                return PASSAGES.validate_json(await answer.read())
        except TimeoutError as error:
            raise DeadlineExceeded("search_deadline", "the search took longer than it may") from error
        except (aiohttp.ClientError, OSError, ValidationError) as error:
            raise Unavailable("documents_unavailable", "the document module does not answer") from error

    async def close(self) -> None:
        """Close connections. Idempotent."""
        if self._http is not None:
            await self._http.close()


async def _refusal(answer: aiohttp.ClientResponse) -> Problem:
    kind = _STATUS.get(answer.status)
    try:
        told = await answer.json(content_type=None)
        code, message = str(told["code"]), str(told["detail"])
    except (ValueError, KeyError, TypeError):
        kind, code, message = None, "", ""
    return kind(code, message) if kind else Unavailable("documents_unavailable", "the document module does not answer")
