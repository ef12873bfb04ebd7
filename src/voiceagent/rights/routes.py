"""/api/v1/privacy: erasures, exports, retention and legal holds. Everything asks for `privacy:write`, turning pseudonyms back for `pii:reveal`."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from voiceagent.domain.erasure import Erasure
from voiceagent.domain.identity import Principal
from voiceagent.rights.export import Words, exported
from voiceagent.rights.holds import (
    STATE,
    Holds,
    Retention,
    holds_of,
    put_holds,
    put_retention,
    retention_of,
)
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.requests import request_erasure, subject_of
from voiceagent.rights.retention import approved
from voiceagent.rights.reveal import reveal_routes
from voiceagent.web.answers.paging import Before, Paged
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.deeds import deed

Guardian = Annotated[Principal, Depends(require("privacy:write"))]
Subject = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Days = Annotated[int | None, Field(ge=1, le=36_500)]
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class Strict(BaseModel):
    """A body that takes no field but its own."""

    model_config = ConfigDict(extra="forbid")


class ErasureWanted(Strict):
    """subject: the id or e-mail address of a person, or the id of a key.  documents: of those they uploaded; null: as the settings say."""

    subject: Subject
    documents: Literal["delete", "keep"] | None = None


class ErasureShown(BaseModel):
    """An erasure. subject_hmac: a keyed hash of whom.  certificate: its body, the key and the signature, once it is done."""

    erasure_id: str
    subject_hmac: str
    documents: str
    state: str
    step: str
    progress: float
    removed: dict[str, int]
    requested_at: datetime
    finished_at: datetime | None
    certificate: dict[str, Any] | None


class ErasurePage(Paged):
    """A page of erasures, newest first."""

    items: list[ErasureShown]


class ExportWanted(Strict):
    """Whose data."""

    subject: Subject


class RetentionBody(Strict):
    """Days after which each class is removed; null: never."""

    audio_days: Days = 30
    transcripts_days: Days = 365
    documents_days: Days = None


class Approval(Strict):
    """Allows one removal of at most `count` of a class, more than its daily share, after it was held back."""

    data_class: Literal["transcripts", "audio", "documents"]
    count: Annotated[int, Field(ge=1, le=10**9)]


class HoldsBody(Strict):
    """everything: nothing of the organisation is removed.  subjects: ids or e-mail addresses of people whose data stays."""

    everything: bool = False
    subjects: Annotated[list[Subject], Field(max_length=10_000)] = []


class HoldsShown(BaseModel):
    """names: keyed hashes of the people."""

    everything: bool
    names: list[str]


def privacy_routes(parts: RightsParts, default: Retention, words: Words | None = None) -> Router:
    """The routes over `parts`. default: retention where a tenant has set none.  words: what texts in exports go through."""
    router = Router(prefix="/api/v1/privacy", tags=["privacy"])
    _add_erasures(router, parts)
    _add_export(router, parts, words)
    _add_retention(router, parts, default)
    _add_holds(router, parts)
    router.include_router(reveal_routes(parts), prefix="")
    return router


def _add_erasures(router: Router, parts: RightsParts) -> None:
    @router.post("/erasures", status_code=202)
    async def erase_person(wanted: ErasureWanted, request: Request, caller: Guardian) -> ErasureShown:
        """Remove every copy of what is kept of a person. The same person again gives the same erasure."""
        policy = wanted.documents or parts.documents
        entry = deed(request, "erasure_requested", "")
        async with parts.store.begin(caller.tenant_id) as work:
            return _shown(await request_erasure(work, parts, caller.tenant_id, wanted.subject, policy, entry))

    @router.get("/erasures")
    async def list_erasures(
        caller: Guardian, before: Before, limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> ErasurePage:
        """The erasures of the organisation."""
        async with parts.store.begin(caller.tenant_id, read_only=True) as work:
            found = await work.erasures.page(before=before, limit=limit)
        at, last_id = found[-1].place if len(found) == limit else (None, None)
        return ErasurePage(items=[_shown(one) for one in found], next_before=at, next_before_id=last_id)

    @router.get("/erasures/{erasure_id}")
    async def get_erasure(erasure_id: str, caller: Guardian) -> ErasureShown:
        """How far an erasure is; its certificate when it is done."""
        async with parts.store.begin(caller.tenant_id, read_only=True) as work:
            return _shown(await work.erasures.get(erasure_id))


def _add_export(router: Router, parts: RightsParts, words: Words | None) -> None:
    @router.post("/exports", response_class=StreamingResponse)
    async def export_person(wanted: ExportWanted, request: Request, caller: Guardian) -> StreamingResponse:
        """Everything that is kept of a person, as a ZIP file. That it was taken is recorded before the first byte is sent."""
        async with parts.store.begin(caller.tenant_id) as work:
            subject = await subject_of(work, wanted.subject)
            name = parts.names.of(caller.tenant_id, subject)
            await work.audit.append(deed(request, "person_exported", subject, subject_hmac=name))
        headers = {
            "Content-Disposition": f'attachment; filename="{_UNSAFE.sub("_", subject)}.zip"',
            "Cache-Control": "no-store",
        }
        body = exported(parts, caller.tenant_id, subject, words)
        return StreamingResponse(body, media_type="application/zip", headers=headers)


def _add_retention(router: Router, parts: RightsParts, default: Retention) -> None:
    @router.get("/retention")
    async def get_retention(caller: Guardian) -> RetentionBody:
        """How long what is kept."""
        async with parts.store.begin(caller.tenant_id, read_only=True) as work:
            return RetentionBody(**asdict(await retention_of(work, default)))

    @router.put("/retention")
    async def change_retention(wanted: RetentionBody, request: Request, caller: Guardian) -> RetentionBody:
        """How long what shall be kept. What is due goes within the hour."""
        async with parts.store.begin(caller.tenant_id) as work:
            await put_retention(work, Retention(**wanted.model_dump()))
            await work.audit.append(deed(request, "retention_changed", caller.tenant_id, **wanted.model_dump()))
        return wanted

    @router.post("/retention/approvals", status_code=204)
    async def approve_removal(wanted: Approval, request: Request, caller: Guardian) -> None:
        """Allow a removal that was held back because it is more than a twentieth of its class on one day."""
        async with parts.store.begin(caller.tenant_id) as work:
            state = await work.settings.get(STATE)
            today = parts.clock.now().date()
            await work.settings.put(STATE, approved(state, wanted.data_class, wanted.count, today))
            data = {"class": wanted.data_class, "count": wanted.count}
            await work.audit.append(deed(request, "retention_approved", caller.tenant_id, **data))


def _add_holds(router: Router, parts: RightsParts) -> None:
    @router.get("/holds")
    async def get_holds(caller: Guardian) -> HoldsShown:
        """The legal holds."""
        async with parts.store.begin(caller.tenant_id, read_only=True) as work:
            holds = await holds_of(work)
        return HoldsShown(everything=holds.everything, names=sorted(holds.names))

    @router.put("/holds")
    async def change_holds(wanted: HoldsBody, request: Request, caller: Guardian) -> HoldsShown:
        """Replace the legal holds: neither retention nor an erasure removes what is held."""
        async with parts.store.begin(caller.tenant_id) as work:
            subjects = [await subject_of(work, one) for one in wanted.subjects]
            names = frozenset(parts.names.of(caller.tenant_id, one) for one in subjects)
            await put_holds(work, Holds(wanted.everything, names))
            data = {"everything": wanted.everything, "people": len(names)}
            await work.audit.append(deed(request, "legal_holds_changed", caller.tenant_id, **data))
        return HoldsShown(everything=wanted.everything, names=sorted(names))


def _shown(erasure: Erasure) -> ErasureShown:
    fields = set(ErasureShown.model_fields) - {"removed"}
    return ErasureShown(**{name: getattr(erasure, name) for name in fields}, removed=erasure.counts)
