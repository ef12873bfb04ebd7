"""/v1/vector_stores/{id}/file_batches in OpenAI's shapes: several files put into a collection at once, and how far they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field, model_validator

from voiceagent.documents.api.attributes import Attributes, checked
from voiceagent.documents.api.openai_shapes import Json, listed, store_file
from voiceagent.documents.api.routes_openai import (
    FileState,
    Reader,
    Service,
    Writer,
    refuse_missing,
)
from voiceagent.documents.service import DocumentService
from voiceagent.domain.document import Document
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import InvalidInput, NotFound
from voiceagent.kit.ids import new_id
from voiceagent.ports.cache import Cache
from voiceagent.web.app import Router

router: APIRouter = Router(prefix="/v1/vector_stores/{store_id}/file_batches", tags=["openai"])

KEPT_S = 7 * 86_400.0
"""What a batch is made of is remembered so long; its files stay."""

MOST_FILES = 500


class BatchFile(BaseModel):
    """A file of a batch; further parameters of OpenAI's are ignored."""

    file_id: str = Field(min_length=1, max_length=128)
    attributes: Json | None = None


class BatchWanted(BaseModel):
    """file_ids, of which all get the attributes, or files with attributes of their own."""

    file_ids: list[str] = Field(default=[], max_length=MOST_FILES)
    files: list[BatchFile] = Field(default=[], max_length=MOST_FILES)
    attributes: Json | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> BatchWanted:
        if bool(self.file_ids) == bool(self.files):
            raise ValueError("give file_ids or files")
        return self

    @property
    def wanted(self) -> dict[str, Attributes | None]:
        """What is said of each file."""
        if self.file_ids:
            return dict.fromkeys(self.file_ids, checked(self.attributes))
        return {one.file_id: checked(one.attributes) for one in self.files}


def cache_of(request: Request) -> Cache:
    cache: Cache = request.app.state.cache
    return cache


Remembered = Annotated[Cache, Depends(cache_of)]


@router.post("")
async def create_batch(store_id: str, wanted: BatchWanted, caller: Writer, service: Service, cache: Remembered) -> Json:
    """Put files into a vector store: all of them, or none when one is not there."""
    files = wanted.wanted
    await refuse_missing(service, caller, files)
    for file_id, attributes in files.items():
        await service.move(caller, file_id, store_id, attributes)
    batch_id = new_id("vsfb")
    made: dict[str, Any] = {"store_id": store_id, "file_ids": list(files), "at": int(datetime.now(UTC).timestamp())}
    await cache.put(_key(caller, batch_id), json.dumps(made).encode(), ttl_s=KEPT_S)
    return await _batch(service, caller, batch_id, made)


@router.get("/{batch_id}")
async def get_batch(store_id: str, batch_id: str, caller: Reader, service: Service, cache: Remembered) -> Json:
    """How far the files of a batch are."""
    return await _batch(service, caller, batch_id, await _known(cache, caller, store_id, batch_id))


@router.post("/{batch_id}/cancel")
async def cancel_batch(store_id: str, batch_id: str, caller: Writer, service: Service, cache: Remembered) -> Json:
    """The batch as it is: files that are in the store are read, whoever stops waiting for them."""
    return await _batch(service, caller, batch_id, await _known(cache, caller, store_id, batch_id))


@router.get("/{batch_id}/files")
async def list_batch_files(
    store_id: str,
    batch_id: str,
    caller: Reader,
    service: Service,
    cache: Remembered,
    state: Annotated[FileState, Query(alias="filter")] = "",
) -> Json:
    """The files of a batch that are still in the store."""
    made = await _known(cache, caller, store_id, batch_id)
    shown = [store_file(one) for one in await _files(service, caller, made)]
    return listed([one for one in shown if state in ("", one["status"])])


def _key(caller: Principal, batch_id: str) -> str:
    if not batch_id.isascii() or len(batch_id) > 64:
        raise InvalidInput("bad_batch", "this is no batch", param="batch_id")
    return f"file-batch:{caller.tenant_id}:{batch_id}"


async def _known(cache: Cache, caller: Principal, store_id: str, batch_id: str) -> dict[str, Any]:
    raw = await cache.get(_key(caller, batch_id))
    made: dict[str, Any] = json.loads(raw) if raw else {}
    if made.get("store_id") != store_id:
        raise NotFound(
            "batch_not_found", "there is no such batch, or it was made more than a week ago", param="batch_id"
        )
    return made


async def _files(service: DocumentService, caller: Principal, made: dict[str, Any]) -> list[Document]:
    """Without those that were deleted since, or taken out of the store."""
    known = await service.several(caller, made["file_ids"])
    return [one for one in known.values() if one.collection_id == made["store_id"]]


async def _batch(service: DocumentService, caller: Principal, batch_id: str, made: dict[str, Any]) -> Json:
    states = [store_file(one)["status"] for one in await _files(service, caller, made)]
    counts = {name: states.count(name) for name in ("in_progress", "completed", "failed")}
    return {
        "id": batch_id,
        "object": "vector_store.files_batch",
        "created_at": made["at"],
        "vector_store_id": made["store_id"],
        "status": "in_progress" if counts["in_progress"] else "completed",
        "file_counts": {**counts, "cancelled": len(made["file_ids"]) - len(states), "total": len(made["file_ids"])},
    }
