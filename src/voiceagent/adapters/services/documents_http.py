"""The document module in another process: ports.services.Documents over HTTP, for the distributed profile."""

from __future__ import annotations

import asyncio
import json
import ssl

import aiohttp
from pydantic import ValidationError

from voiceagent.adapters.services.line import Answer, Call, ServiceLine, ServiceToken
from voiceagent.domain.document import Passage, SearchQuery
from voiceagent.domain.identity import Principal
from voiceagent.kit.calls.balance import Upstreams
from voiceagent.kit.calls.upkeep import Find
from voiceagent.kit.errors import DeadlineExceeded, InvalidInput, NotFound, Problem, Unavailable
from voiceagent.ports.documents_wire import PASSAGES, SEARCH_QUERY

_PATH = "/internal/documents/search"
_GRACE_S = 0.05
_STATUS: dict[int, type[Problem]] = {400: InvalidInput, 404: NotFound, 504: DeadlineExceeded}


def open_documents(
    url: str,
    *,
    service_token: ServiceToken,
    urls: tuple[str, ...] = (),
    find: Find | None = None,
    tls: ssl.SSLContext | None = None,
) -> DocumentsHttp:
    """The document module at `http://host:port` (or https, by `tls`), or at all of `urls`, or wherever `find` says. Connects at the first call."""
    return DocumentsHttp(ServiceLine(Upstreams("documents", () if find else urls or (url,)), service_token, find, tls))


class DocumentsHttp:
    """Implements ports.services.Documents."""

    def __init__(self, line: ServiceLine) -> None:
        self._line = line

    async def search(self, principal: Principal, query: SearchQuery) -> tuple[Passage, ...]:
        within_s = query.deadline_s + _GRACE_S
        call = Call(_PATH, principal, SEARCH_QUERY.dump_json(query), within_s, repeatable=True, read=True)
        try:
            async with asyncio.timeout(within_s), self._line.sent(call) as answer:
                if answer.status != 200:
                    raise await _refusal(answer)
                return PASSAGES.validate_json(await answer.read())
        except TimeoutError as error:
            raise DeadlineExceeded("search_deadline", "the search took longer than it may") from error
        except (aiohttp.ClientError, OSError, ValidationError) as error:
            raise Unavailable("documents_unavailable", "the document module does not answer") from error

    async def close(self) -> None:
        """Close connections. Idempotent."""
        await self._line.close()


async def _refusal(answer: Answer) -> Problem:
    kind = _STATUS.get(answer.status)
    try:
        told = json.loads(await answer.read())
        code, message = str(told["code"]), str(told["detail"])
    except (ValueError, KeyError, TypeError):
        kind, code, message = None, "", ""
    return kind(code, message) if kind else Unavailable("documents_unavailable", "the document module does not answer")
