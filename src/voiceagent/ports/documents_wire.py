"""How a search travels between processes: both sides of ports.services.Documents read and write it with these."""

from __future__ import annotations

from pydantic import TypeAdapter

from voiceagent.domain.document import Passage, SearchQuery

SEARCH_QUERY: TypeAdapter[SearchQuery] = TypeAdapter(SearchQuery)
PASSAGES: TypeAdapter[tuple[Passage, ...]] = TypeAdapter(tuple[Passage, ...])
