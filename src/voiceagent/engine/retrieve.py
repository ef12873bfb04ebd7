"""Passages for a reply, within a budget: late or failing search costs the answer its sources, never the answer itself."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

import structlog

from voiceagent.domain.document import Passage, SearchQuery
from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import ReplyRequest
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem
from voiceagent.ports.services import Documents

_log = structlog.get_logger(__name__)

SPOKEN_S = 0.1
WRITTEN_S = 1.0
LIMIT = 4
_KEPT = 64
_KEPT_S = 15.0
_GRACE_S = 0.02
_QUERY_CHARS = 1000

_Key = tuple[str, str, tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What a search brought. ms: how long the reply waited for it, None without a search. error: its code when it failed."""

    passages: tuple[Passage, ...] = ()
    ms: float | None = None
    error: str | None = None


@dataclass(slots=True)
class _UnderWay:
    """A search and how many wait for it. wanted: it is made ahead, so it goes on when nobody waits any more."""

    task: asyncio.Task[tuple[Passage, ...]]
    waiting: int = 0
    wanted: bool = False


class Retriever:
    """Searches in the name of the caller. Remembers answers for 15 s, so that a search made while the caller spoke serves the reply; a
    reply that comes while that search still runs waits for the same one."""

    def __init__(self, documents: Documents | None, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._kept: OrderedDict[_Key, tuple[float, tuple[Passage, ...]]] = OrderedDict()
        self._running: dict[_Key, _UnderWay] = {}

    async def passages(self, request: ReplyRequest, *, ahead: bool = False) -> Retrieved:
        """The best passages for the last thing said; empty, with the error's code, when the search is late or fails."""
        question = question_of(request)
        if self._documents is None or not question:
            return Retrieved()
        started_s = self._clock.monotonic_s()
        key = (request.tenant_id, request.subject, request.agent.collection_ids, question.lower())
        kept = self._kept.get(key)
        if kept is not None and started_s - kept[0] <= _KEPT_S:
            return Retrieved(kept[1], 0.0)
        found: tuple[Passage, ...] = ()
        error = None
        try:
            found = await self._joined(key, request, question, self._documents, ahead=ahead)
        except TimeoutError:
            error = "search_deadline"
        except Problem as problem:
            error = problem.code
        if error is not None:
            _log.warning("retrieval_failed", code=error)
        return Retrieved(found, (self._clock.monotonic_s() - started_s) * 1000, error)

    async def _joined(
        self, key: _Key, request: ReplyRequest, question: str, documents: Documents, *, ahead: bool
    ) -> tuple[Passage, ...]:
        """What the search for `key` finds, begun here or by somebody before."""
        within_s = min(SPOKEN_S if request.spoken else WRITTEN_S, request.deadline_s / 2)
        under_way = self._running.get(key)
        if under_way is None:
            task = asyncio.create_task(self._search(documents, request, question, within_s))
            under_way = self._running[key] = _UnderWay(task)
            task.add_done_callback(lambda done: self._ended(key, done))
        under_way.wanted |= ahead
        under_way.waiting += 1
        try:
            async with asyncio.timeout(within_s + _GRACE_S):
                return await asyncio.shield(under_way.task)
        finally:
            under_way.waiting -= 1
            if not under_way.waiting and not under_way.wanted:
                under_way.task.cancel()

    def _ended(self, key: _Key, done: asyncio.Task[tuple[Passage, ...]]) -> None:
        self._running.pop(key, None)
        if not done.cancelled() and done.exception() is None:
            self._keep(key, self._clock.monotonic_s(), done.result())

    async def _search(
        self, documents: Documents, request: ReplyRequest, question: str, within_s: float
    ) -> tuple[Passage, ...]:
        query = SearchQuery(question, LIMIT, request.agent.collection_ids or None, deadline_s=within_s)
        caller = Principal(request.tenant_id, request.subject, frozenset({"documents:read"}), "service")
        async with asyncio.timeout(within_s + _GRACE_S):
            return await documents.search(caller, query)

    def _keep(self, key: _Key, now_s: float, found: tuple[Passage, ...]) -> None:
        self._kept[key] = (now_s, found)
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def question_of(request: ReplyRequest) -> str:
    """The last thing the caller said, on one line."""
    said = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    return " ".join(said.split())[-_QUERY_CHARS:]
