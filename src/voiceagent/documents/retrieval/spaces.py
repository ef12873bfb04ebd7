"""Which vectors of a tenant are searched: those of one space, also while the documents are indexed anew in another. The move is a stored setting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voiceagent.ports.embed import Embedder
from voiceagent.ports.store import UnitOfWork

SPACE_SETTING = "search_space"


@dataclass(frozen=True, slots=True)
class Spaces:
    """The embedder of today, and the one that stored vectors are of until they have been made anew; None: there is none."""

    now: Embedder
    before: Embedder | None = None

    @property
    def current(self) -> str:
        return self.now.capabilities.space

    async def searched(self, work: UnitOfWork) -> str:
        """The space that searches of this tenant use: the old one until the last document has moved, if its questions can be embedded."""
        told = (await work.settings.get(SPACE_SETTING) or {}).get("searched", self.current)
        return str(told) if told == self.current or self.embedder_of(str(told)) else self.current

    def embedder_of(self, space: str) -> Embedder | None:
        """What makes questions for the space; None when it stands in none of the settings: words alone find what is there."""
        for one in filter(None, (self.now, self.before)):
            if space in (one.capabilities.space, *one.capabilities.near):
                return one
        return None

    async def begin(self, work: UnitOfWork) -> None:
        """Remember the space of a tenant's first document: a process that starts with another model must know at once what to search."""
        if await work.settings.get(SPACE_SETTING) is None:
            await work.settings.put(SPACE_SETTING, {"searched": self.current, "left": []})

    async def settle(self, work: UnitOfWork, of_documents: Iterable[str], *, moving: bool) -> tuple[str, ...]:
        """Keep to the space of the stored vectors, or move on to today's. Returns the spaces that were left before: their vectors can go.

        of_documents: the spaces of the tenant's documents, the most common first.  moving: some are still to be made anew.
        Those left now are returned the next time: searches that began before may still be at them.
        """
        told = await work.settings.get(SPACE_SETTING) or {}
        stored = list(of_documents)
        searched = str(told.get("searched") or next(iter(stored), self.current))
        known = told.get("left")
        left = [str(one) for one in known] if isinstance(known, list) else []
        gone = tuple(one for one in left if one not in (self.current, searched, *stored))
        after = searched
        if searched != self.current and not moving:
            after = self.current
            left.append(searched)
        value: dict[str, object] = {"searched": after, "left": [one for one in dict.fromkeys(left) if one not in gone]}
        if value != told and (told or stored):
            await work.settings.put(SPACE_SETTING, value)
        return gone
