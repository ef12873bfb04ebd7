"""Filters of the Weaviate store as its GraphQL wants them, and the chunks around one. No calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from voiceagent.domain.document import Chunk
from voiceagent.ports.vectors import VectorQuery

Json = dict[str, Any]


def where_of(query: VectorQuery) -> Json:
    operands = [any_of("collection_id", query.collection_ids), any_of("readers", ("*", query.reader_id))]
    if query.document_ids is not None:
        operands.append(any_of("document_id", query.document_ids))
    for name, wanted in (("kind", query.kinds), ("language", query.languages)):
        if wanted:
            operands.append(any_of(name, wanted))
    if query.after is not None:
        operands.append({"path": ["dated"], "operator": "GreaterThanEqual", "valueDate": rfc3339(query.after)})
    if query.before is not None:
        operands.append({"path": ["dated"], "operator": "LessThan", "valueDate": rfc3339(query.before)})
    return {"operator": "And", "operands": operands}


def near(chunk: Chunk, distance: int) -> Json:
    place = {"path": ["ordinal"], "operator": "GreaterThanEqual", "valueInt": chunk.ordinal - distance}
    end = {"path": ["ordinal"], "operator": "LessThanEqual", "valueInt": chunk.ordinal + distance}
    return {"operator": "And", "operands": [equal("document_id", chunk.document_id), place, end]}


def around(chunk: Chunk, distance: int, known: Mapping[tuple[str, int], Chunk]) -> tuple[Chunk, ...]:
    places = [
        place for place in range(chunk.ordinal - distance, chunk.ordinal + distance + 1) if place != chunk.ordinal
    ]
    return tuple(known[chunk.document_id, place] for place in places if (chunk.document_id, place) in known)


def any_of(name: str, values: tuple[str, ...]) -> Json:
    return {"path": [name], "operator": "ContainsAny", "valueText": list(values)}


def equal(name: str, value: str) -> Json:
    return {"path": [name], "operator": "Equal", "valueText": value}


def graphql_value(value: object) -> str:
    """A filter as GraphQL writes it: names without quotes, operators as names."""
    if isinstance(value, dict):
        parts = [f"{key}: {one if key == 'operator' else graphql_value(one)}" for key, one in value.items()]
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(graphql_value(one) for one in value) + "]"
    return json.dumps(value)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
