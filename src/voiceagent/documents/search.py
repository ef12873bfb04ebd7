"""Search for a caller: rights first, then words and meaning in one query, then order, doubles and neighbours. Bounded by the query's deadline."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import structlog

from voiceagent.documents.parts import DocumentParts, may_search
from voiceagent.documents.retrieval.alike import without_duplicates
from voiceagent.documents.retrieval.joining import joined
from voiceagent.domain.document import Passage, SearchQuery
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable
from voiceagent.ports.vectors import VectorQuery

_log = structlog.get_logger(__name__)

QUESTION_CHARS = 4_000
_SPARE = 2
"""Twice as many passages are fetched as are wanted, so that near-duplicates can go."""

NEIGHBOURS = 4
"""The most chunks before and after each one found that may be asked for."""

_REMEMBERED = 256


class Searcher:
    """Remembers the vectors of the last questions: a question is often asked twice, while it is spoken and when it is answered."""

    def __init__(self, parts: DocumentParts) -> None:
        self._parts = parts
        self._vectors: OrderedDict[tuple[str, str], tuple[float, ...]] = OrderedDict()

    async def search(self, principal: Principal, query: SearchQuery) -> tuple[Passage, ...]:
        """As ports.services.Documents.search promises. Raises InvalidInput `bad_limit`, `question_too_long` too."""
        if not 1 <= query.limit <= self._parts.limits.search_results:
            raise InvalidInput("bad_limit", f"limit must be 1 to {self._parts.limits.search_results}", param="limit")
        if len(query.text) > QUESTION_CHARS:
            raise InvalidInput("question_too_long", f"a question may have {QUESTION_CHARS} characters", param="query")
        if not 0 <= query.neighbours <= NEIGHBOURS:
            raise InvalidInput("bad_limit", f"neighbours must be 0 to {NEIGHBOURS}", param="neighbours")
        ends_s = self._parts.clock.monotonic_s() + query.deadline_s
        try:
            async with asyncio.timeout(query.deadline_s):
                return await self._found(principal, query, ends_s)
        except TimeoutError as error:
            raise DeadlineExceeded("search_deadline", "the search took longer than it may") from error

    async def _found(self, principal: Principal, query: SearchQuery, ends_s: float) -> tuple[Passage, ...]:
        collections, space = await self._readable(principal, query)
        if not collections or not query.text.strip() or query.document_ids == ():
            return ()  # without the question's vector: who has no documents shall not wait for it in every turn
        vector = await self._vector(space, query.text)
        wanted = VectorQuery(
            text=query.text,
            vector=vector,
            collection_ids=collections,
            reader_id=principal.subject,
            limit=self._parts.reranking.fetched(query.limit * _SPARE),
            kinds=query.kinds,
            languages=query.languages,
            document_ids=query.document_ids,
            after=query.after,
            before=query.before,
            neighbours=query.neighbours,
        )
        found = await self._parts.vectors.search(principal.tenant_id, space, wanted)
        left_s = ends_s - self._parts.clock.monotonic_s()
        best = without_duplicates(await self._parts.reranking.ordered(query.text, found, left_s))[: query.limit]
        return tuple(joined(best, query.room_chars)) if query.neighbours else tuple(best)

    async def _readable(self, principal: Principal, query: SearchQuery) -> tuple[tuple[str, ...], str]:
        """The collections that are searched, and the space in which."""
        async with self._parts.store.begin(principal.tenant_id, read_only=True) as work:
            space = await self._parts.spaces.searched(work)
            readable = [one.collection_id for one in await work.collections.all() if may_search(principal, one)]
        if query.collection_ids is None:
            return tuple(readable), space
        if not set(query.collection_ids) <= set(readable):
            raise NotFound("collection_not_found", "there is no such collection", param="collection_ids")
        return query.collection_ids, space

    async def _vector(self, space: str, text: str) -> tuple[float, ...]:
        """The question's vector; () when the embedder does not answer: words alone still find most of it."""
        known = self._vectors.get((space, text))
        if known is not None:
            self._vectors.move_to_end((space, text))
            return known
        embedder = self._parts.spaces.embedder_of(space) or self._parts.embedder
        try:
            vector = (await embedder.embed((text,), query=True))[0]
        except Unavailable as problem:
            _log.warning("search_by_words_only", code=problem.code)
            return ()
        self._vectors[space, text] = vector
        if len(self._vectors) > _REMEMBERED:
            self._vectors.popitem(last=False)
        return vector
