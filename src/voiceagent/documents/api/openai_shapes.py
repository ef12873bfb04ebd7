"""OpenAI's shapes of files, vector stores and what is found in them. Asks for nothing."""

from __future__ import annotations

from typing import Any

from voiceagent.documents.api.attributes import attributes_of
from voiceagent.documents.parts import PURPOSE_KEY
from voiceagent.domain.document import Collection, Document, DocumentState, Passage, Tally

Json = dict[str, Any]

PURPOSE = "assistants"
"""Of files of which nobody said another."""

STATES: dict[DocumentState, str] = {
    "queued": "in_progress",
    "parsing": "in_progress",
    "embedding": "in_progress",
    "ready": "completed",
    "failed": "failed",
}
_FILE_STATES = {"ready": "processed", "failed": "error"}


def purpose_of(document: Document) -> object:
    return document.metadata.get(PURPOSE_KEY, PURPOSE)


def file_shown(document: Document) -> Json:
    return {
        "id": document.document_id,
        "object": "file",
        "bytes": document.size_bytes,
        "created_at": int(document.created_at.timestamp()),
        "filename": document.file_name,
        "purpose": purpose_of(document),
        "status": _FILE_STATES.get(document.state, "uploaded"),
        "status_details": document.failure_message,
    }


def store_file(document: Document) -> Json:
    error = {"code": document.failure_code, "message": document.failure_message} if document.state == "failed" else None
    return {
        "id": document.document_id,
        "object": "vector_store.file",
        "created_at": int(document.created_at.timestamp()),
        "vector_store_id": document.collection_id,
        "status": STATES[document.state],
        "usage_bytes": document.size_bytes,
        "last_error": error,
        "attributes": attributes_of(document),
    }


def store_shown(collection: Collection, tallies: list[Tally]) -> Json:
    counts = dict.fromkeys(("in_progress", "completed", "failed"), 0)
    for one in tallies:
        counts[STATES[one.state]] += one.count
    return {
        "id": collection.collection_id,
        "object": "vector_store",
        "created_at": int(collection.created_at.timestamp()),
        "name": collection.name,
        "usage_bytes": sum(one.size_bytes for one in tallies),
        "file_counts": {**counts, "cancelled": 0, "total": sum(counts.values())},
        "status": "in_progress" if counts["in_progress"] else "completed",
        "last_active_at": None,
        "metadata": {},
    }


def result_shown(passage: Passage, document: Document) -> Json:
    chunk = passage.chunk
    place = {"page": chunk.page, "start": chunk.start, "end": chunk.end, "heading": chunk.heading}
    return {
        "file_id": chunk.document_id,
        "filename": document.file_name,
        "score": round(max(passage.score, 0.0), 4),
        "attributes": place | attributes_of(document),
        "content": [{"type": "text", "text": chunk.text}],
    }


def listed(items: list[Json], *, has_more: bool = False) -> Json:
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return {"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": has_more}
