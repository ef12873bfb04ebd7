"""How many documents a caller may read in collections, and their bytes, without reading those that everybody may. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from voiceagent.documents.access.rights import readable_page
from voiceagent.documents.parts import may_search
from voiceagent.domain.document import Collection, Narrowed, Tally
from voiceagent.domain.identity import Principal
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import NotFound
from voiceagent.ports.store import Store

_PAGE = 200


class Counts:
    """Counts anew each time; remembers nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, principal: Principal, collections: Sequence[Collection]) -> dict[str, list[Tally]]:
        """What the caller may read in these collections, as they were just read, by their ids."""
        ids = [one.collection_id for one in collections if may_search(principal, one)]
        found: dict[str, list[Tally]] = {collection_id: [] for collection_id in ids}
        async with self._store.begin(principal.tenant_id, read_only=True) as work:
            tallies = await work.collections.tallies(ids)
        for one in tallies:
            if one.is_open:
                found[one.collection_id].append(one)
        for collection_id in {one.collection_id for one in tallies if not one.is_open}:
            with suppress(NotFound):  # it was removed, or closed to the caller, since
                found[collection_id] += await self._closed(principal, collection_id)
        return found

    async def _closed(self, principal: Principal, collection_id: str) -> list[Tally]:
        """Of the documents that name readers: each is opened and asked, a page a transaction, so that none is held for long."""
        wanted = Narrowed(collection_id, is_open=False)
        found: list[Tally] = []
        before: Place | None = None
        while True:
            async with self._store.begin(principal.tenant_id, read_only=True) as work:
                rows = await readable_page(work, principal, before=before, limit=_PAGE, wanted=wanted)
            found += [Tally(collection_id, row.state, False, 1, row.size_bytes) for row in rows]
            if len(rows) < _PAGE:
                return found
            before = rows[-1].place
