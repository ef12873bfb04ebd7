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
from voiceagent.kit.telemetry import histogram
from voiceagent.ports.services import Documents

_log = structlog.get_logger(__name__)

_KEPT = 64
_KEPT_S = 4.0
"""Below the 5 s within which rights that were taken away, and documents that were deleted, are gone everywhere."""
_GRACE_S = 0.02

_waited = histogram("voiceagent_retrieval_wait_seconds", "How long replies waited for passages", ["channel", "outcome"])

_Key = tuple[str, str, tuple[str, ...], int, str]


@dataclass(frozen=True, slots=True)
class RetrievalBudget:
    """spoken_s: the longest that a spoken reply waits for documents, search and judging of sentences together; written_s: a written one.

    When it runs out the reply goes on without sources. limit: passages a reply.  neighbours: chunks joined to each on either side for a
    model that reads them, as long as all of them stay within room_chars.
    """

    spoken_s: float = 0.1
    written_s: float = 1.0
    limit: int = 4
    neighbours: int = 1
    room_chars: int = 6_000

    def within_s(self, request: ReplyRequest) -> float:
        """The time for this reply."""
        return min(self.spoken_s if request.spoken else self.written_s, request.deadline_s / 2)


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
    """Searches in the name of the caller. Remembers answers for 4 s, so that a search made while the caller spoke serves the reply; a
    reply that comes while that search still runs waits for the same one."""

    def __init__(self, documents: Documents | None, clock: Clock, budget: RetrievalBudget | None = None) -> None:
        self._documents = documents
        self._clock = clock
        self.budget = budget or RetrievalBudget()
        self._kept: OrderedDict[_Key, tuple[float, tuple[Passage, ...]]] = OrderedDict()
        self._running: dict[_Key, _UnderWay] = {}

    async def passages(
        self, request: ReplyRequest, question: str, *, neighbours: int = 0, ahead: bool = False
    ) -> Retrieved:
        """The best passages for `question`; empty, with the error's code, when the search is late or fails. ahead: nobody waits for it yet."""
        if self._documents is None or not question:
            return Retrieved()
        started_s = self._clock.monotonic_s()
        query = self._query(request, question, neighbours)
        key = (request.tenant_id, request.subject, request.agent.collection_ids, neighbours, question.lower())
        kept = self._kept.get(key)
        if kept is not None and started_s - kept[0] <= _KEPT_S:
            if not ahead:
                _waited.labels(_channel(request), "ahead").observe(0.0)
            return Retrieved(kept[1], 0.0)
        found: tuple[Passage, ...] = ()
        error = None
        try:
            found = await self._joined(key, request, query, self._documents, ahead=ahead)
        except TimeoutError:
            error = "search_deadline"
        except Problem as problem:
            error = problem.code
        if error is not None:
            _log.warning("retrieval_failed", code=error)
        waited_s = self._clock.monotonic_s() - started_s
        if not ahead:
            _waited.labels(_channel(request), _outcome(found, error)).observe(waited_s)
        return Retrieved(found, waited_s * 1000, error)

    def _query(self, request: ReplyRequest, question: str, neighbours: int) -> SearchQuery:
        return SearchQuery(
            question,
            self.budget.limit,
            request.agent.collection_ids or None,
            deadline_s=self.budget.within_s(request),
            neighbours=neighbours,
            room_chars=self.budget.room_chars,
        )

    async def _joined(
        self, key: _Key, request: ReplyRequest, query: SearchQuery, documents: Documents, *, ahead: bool
    ) -> tuple[Passage, ...]:
        """What the search for `key` finds, begun here or by somebody before."""
        under_way = self._running.get(key)
        if under_way is None:
            task = asyncio.create_task(_search(documents, request, query))
            under_way = self._running[key] = _UnderWay(task)
            task.add_done_callback(lambda done: self._ended(key, done))
        under_way.wanted |= ahead
        under_way.waiting += 1
        try:
            async with asyncio.timeout(query.deadline_s + _GRACE_S):
                return await asyncio.shield(under_way.task)
        finally:
            under_way.waiting -= 1
            if not under_way.waiting and not under_way.wanted:
                under_way.task.cancel()

    def _ended(self, key: _Key, done: asyncio.Task[tuple[Passage, ...]]) -> None:
        self._running.pop(key, None)
        if not done.cancelled() and done.exception() is None:
            self._keep(key, self._clock.monotonic_s(), done.result())

    def _keep(self, key: _Key, now_s: float, found: tuple[Passage, ...]) -> None:
        self._kept[key] = (now_s, found)
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


async def _search(documents: Documents, request: ReplyRequest, query: SearchQuery) -> tuple[Passage, ...]:
    caller = Principal(request.tenant_id, request.subject, frozenset({"documents:read"}), "service")
    async with asyncio.timeout(query.deadline_s + _GRACE_S):
        return await documents.search(caller, query)


def _channel(request: ReplyRequest) -> str:
    return "spoken" if request.spoken else "written"


def _outcome(found: tuple[Passage, ...], error: str | None) -> str:
    if error is not None:
        return "late" if error == "search_deadline" else "failed"
    return "found" if found else "nothing"
