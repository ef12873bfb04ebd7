"""/api/v1/documents: upload, list, look at, read, download, index again, delete; and the kinds that an organisation teaches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse, Response, StreamingResponse

from voiceagent.documents.api.shapes import (
    BoxShown,
    DocumentList,
    DocumentShown,
    boxes_shown,
    document_shown,
    service_of,
)
from voiceagent.documents.kinds.examples import EXAMPLES
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.domain.document import DEFAULT_COLLECTION_ID, DocumentState, Narrowed, Page, boxes_between
from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import InvalidInput, NotFound
from voiceagent.web.answers.paging import Before, ending
from voiceagent.web.app import Router, body_limit
from voiceagent.web.auth import require
from voiceagent.web.repeats.once import once

UPLOAD_BODY_BYTES = 110 * 1024 * 1024
_PIECE_BYTES = 256 * 1024
_MAX_KINDS, _MAX_EXAMPLES, _EXAMPLE_CHARS = 50, 50, 1_000

router: APIRouter = Router(prefix="/api/v1/documents", tags=["documents"])

Reader = Annotated[Principal, Depends(require("documents:read"))]
Writer = Annotated[Principal, Depends(require("documents:write"))]
Service = Annotated[DocumentService, Depends(service_of)]


class Again(BaseModel):
    """How to index again. password: of an encrypted file."""

    model_config = ConfigDict(extra="forbid")
    password: str = Field(default="", max_length=256)


class PageShown(BaseModel):
    """A page's place in the text, and its size in points as it is shown; 0 when the file has no pages of its own."""

    number: int
    start: int
    end: int
    width: float = 0.0
    height: float = 0.0


class TextShown(BaseModel):
    """The text that was read, whole or one page of it. start: offset of `text` in the document's text."""

    document_id: str
    text: str
    start: int
    pages: list[PageShown]


class PlacesShown(BaseModel):
    """Where characters stand, line by line, and the sizes of the pages that they stand on. No boxes: the file does not say."""

    document_id: str
    pages: list[PageShown]
    boxes: list[BoxShown]


class Kinds(BaseModel):
    """Labels taught by example: at least one sentence or paragraph each. They stand beside the built-in ones and win over those of the same name."""

    model_config = ConfigDict(extra="forbid")
    kinds: dict[str, list[str]] = Field(max_length=_MAX_KINDS)


class KindsShown(Kinds):
    """The taught labels, and the names of the built-in ones."""

    built_in: list[str]


@router.get("/kinds")
async def list_kinds(caller: Reader, service: Service) -> KindsShown:
    """The kinds of document that are told apart."""
    taught = await service.kinds(caller)
    return KindsShown(kinds={label: list(examples) for label, examples in taught.items()}, built_in=list(EXAMPLES))


@router.put("/kinds")
async def put_kinds(wanted: Kinds, caller: Writer, service: Service) -> KindsShown:
    """Teach kinds by example; replaces those taught before."""
    for label, examples in wanted.kinds.items():
        fits = 0 < len(label) <= 60 and label.isprintable() and 0 < len(examples) <= _MAX_EXAMPLES
        if not fits or any(not 0 < len(example.strip()) <= _EXAMPLE_CHARS for example in examples):
            raise InvalidInput(
                "bad_kinds", "a kind needs a short printable name and 1 to 50 examples of at most 1,000 characters"
            )
    await service.put_kinds(caller, {label: tuple(examples) for label, examples in wanted.kinds.items()})
    return await list_kinds(caller, service)


@router.post("", status_code=202)
@body_limit(UPLOAD_BODY_BYTES)
@once("alone")
async def upload_document(
    caller: Writer,
    service: Service,
    file: Annotated[UploadFile, File()],
    collection_id: Annotated[str, Form(max_length=128)] = DEFAULT_COLLECTION_ID,
    document_id: Annotated[str | None, Form(max_length=128)] = None,
    password: Annotated[str, Form(max_length=256)] = "",
    reader_ids: Annotated[list[str] | None, Form(max_length=200)] = None,
) -> DocumentShown:
    """Take in a file; it is read in the background. document_id: the document of which it is a new version.

    reader_ids: who alone may read it. A new version keeps the readers of the one before, unless some are named, or nobody by an empty field.
    """
    upload = Upload(
        file_name=file.filename or "",
        media_type=file.content_type or "",
        data=pieces_of(file),
        collection_id=collection_id,
        replaces=document_id or None,
        password=password,
        reader_ids=None if reader_ids is None else frozenset(one for one in reader_ids if one),
    )
    return document_shown(await service.add(caller, upload))


@router.get("")
async def list_documents(
    caller: Reader,
    service: Service,
    before: Before,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    collection_id: Annotated[str | None, Query(max_length=128)] = None,
    kind: Annotated[str | None, Query(max_length=64)] = None,
    state: DocumentState | None = None,
) -> DocumentList:
    """The documents that the caller may read, newest first: of one collection, kind and state, where they are given."""
    wanted = Narrowed(collection_id, kind, (state,) if state else None)
    found = await service.page(caller, before=before, limit=limit, wanted=wanted)
    return DocumentList(items=[document_shown(one) for one in found], **ending([one.place for one in found], limit))


@router.get("/{document_id}")
async def get_document(document_id: str, caller: Reader, service: Service) -> DocumentShown:
    """A document, its state and what is known of it."""
    return document_shown(await service.get(caller, document_id))


@router.get("/{document_id}/text")
async def get_text(
    document_id: str, caller: Reader, service: Service, page: Annotated[int | None, Query(ge=1)] = None
) -> TextShown:
    """The text that was read, with the place of every page. Offsets of citations count in the whole text."""
    parsed = await service.text(caller, document_id)
    pages = [_page_shown(one) for one in parsed.pages]
    if page is None:
        return TextShown(document_id=document_id, text=parsed.text, start=0, pages=pages)
    wanted = next((one for one in parsed.pages if one.number == page), None)
    if wanted is None:
        raise NotFound("page_not_found", "the document has no such page", param="page")
    return TextShown(document_id=document_id, text=wanted.text, start=wanted.start, pages=pages)


@router.get("/{document_id}/boxes")
async def get_boxes(
    document_id: str,
    caller: Reader,
    service: Service,
    start: Annotated[int, Query(ge=0)],
    end: Annotated[int, Query(ge=0)],
) -> PlacesShown:
    """Where the characters from start to end of the document's text stand on their pages: to mark what a citation quotes."""
    parsed = await service.text(caller, document_id)
    boxes = boxes_between(parsed.boxes, start, end)
    numbers = {box.page for box in boxes}
    pages = [_page_shown(one) for one in parsed.pages if one.number in numbers]
    return PlacesShown(document_id=document_id, pages=pages, boxes=boxes_shown(boxes))


@router.get(
    "/{document_id}/content", responses={307: {"description": "The bytes are at `location` for a short while."}}
)
async def get_content(
    document_id: str, caller: Reader, service: Service, link: Annotated[bool, Query()] = False
) -> Response:
    """The file as it was uploaded, always as a download: nothing in it runs in a browser.

    `link=true`: where the object store gives out links (`links_s` of `blobs.url`, and nothing is encrypted by us), the answer leads there.
    """
    document, pieces = await service.content(caller, document_id, by_link=link)
    if isinstance(pieces, str):
        return RedirectResponse(pieces, status_code=307, headers={"cache-control": "no-store"})
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(document.file_name)}",
        "content-length": str(document.size_bytes),
        "content-security-policy": "sandbox",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)


@router.post("/{document_id}/reindex", status_code=202)
@once("alone")
async def reindex_document(document_id: str, wanted: Again, caller: Writer, service: Service) -> DocumentShown:
    """Read and index it again: after a failure, with a password, or with another model."""
    return document_shown(await service.reindex(caller, document_id, password=wanted.password))


@router.delete("/{document_id}", status_code=204)
async def delete_document(document_id: str, caller: Writer, service: Service) -> None:
    """Remove the document and every copy of it."""
    await service.delete(caller, document_id)


def _page_shown(page: Page) -> PageShown:
    end = page.start + len(page.text)
    return PageShown(number=page.number, start=page.start, end=end, width=page.width, height=page.height)


async def pieces_of(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE_BYTES):
        yield piece
