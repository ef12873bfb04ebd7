"""/api/v1/privacy: erasures, exports and retention, beside legal holds. Everything asks for `privacy:write`, turning pseudonyms back for `pii:reveal`."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from voiceagent.domain.erasure import Erasure
from voiceagent.rights.export import Words, exported
from voiceagent.rights.holds import STATE, Retention, change_retention, retention_of
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.requests import request_erasure, subject_of
from voiceagent.rights.retention import approved
from voiceagent.rights.reveal import reveal_routes
from voiceagent.rights.routes_holds import Guardian, Strict, Subject, hold_routes
from voiceagent.web.answers.paging import Before, Paged, ending
from voiceagent.web.app import Router
from voiceagent.web.deeds import deed

Days = Annotated[int | None, Field(ge=1, le=36_500)]
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class ErasureWanted(Strict):
    """subject: the id or e-mail address of a person, or the id of a key.  documents: of those they uploaded; null: as the settings say."""

    subject: Subject
    documents: Literal["delete", "keep"] | None = None


class ErasureShown(BaseModel):
    """An erasure. code: why it is not done though it ended, `legal_hold` in the state `held`.

    subject_hmac: a keyed hash of whom.  certificate: its body, the key and the signature, once it is done.
    """

    erasure_id: str
    subject_hmac: str
    documents: str
    state: str
    code: str | None
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


class RetentionWanted(Strict):
    """Days after which each class is removed from now on; null: never.  A class that is not named keeps what is in force."""

    audio_days: Days = Field(default_factory=lambda: None)
    transcripts_days: Days = Field(default_factory=lambda: None)
    documents_days: Days = Field(default_factory=lambda: None)


class RetentionShown(BaseModel):
    """Days after which each class is removed; null: never."""

    audio_days: int | None
    transcripts_days: int | None
    documents_days: int | None


class Approval(Strict):
    """Allows one removal of at most `count` of a class, more than its daily share, after it was held back."""

    data_class: Literal["transcripts", "audio", "documents"]
    count: Annotated[int, Field(ge=1, le=10**9)]


def privacy_routes(parts: RightsParts, default: Retention, words: Words | None = None) -> Router:
    """The routes over `parts`. default: retention where a tenant has set none.  words: what texts in exports go through."""
    router = Router(prefix="/api/v1/privacy", tags=["privacy"])
    _add_erasures(router, parts)
    _add_export(router, parts, words)
    _add_retention(router, parts, default)
    router.include_router(hold_routes(parts), prefix="")
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
        return ErasurePage(items=[_shown(one) for one in found], **ending([one.place for one in found], limit))

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
    async def get_retention(caller: Guardian) -> RetentionShown:
        """How long what is kept."""
        async with parts.store.begin(caller.tenant_id, read_only=True) as work:
            return RetentionShown(**asdict(await retention_of(work, default)))

    @router.put("/retention")
    async def change_days(wanted: RetentionWanted, request: Request, caller: Guardian) -> RetentionShown:
        """How long the classes that are named shall be kept. What is due goes within the hour."""
        days: dict[str, int | None] = wanted.model_dump(exclude_unset=True)
        async with parts.store.begin(caller.tenant_id) as work:
            # Recorded first: no two can write the log at a time, so neither change is lost.
            await work.audit.append(deed(request, "retention_changed", caller.tenant_id, **days))
            await change_retention(work, days)
            return RetentionShown(**asdict(await retention_of(work, default)))

    @router.post("/retention/approvals", status_code=204)
    async def approve_removal(wanted: Approval, request: Request, caller: Guardian) -> None:
        """Allow a removal that was held back because it is more than a twentieth of its class on one day."""
        async with parts.store.begin(caller.tenant_id) as work:
            state = await work.settings.get(STATE)
            today = parts.clock.now().date()
            await work.settings.put(STATE, approved(state, wanted.data_class, wanted.count, today))
            data = {"class": wanted.data_class, "count": wanted.count}
            await work.audit.append(deed(request, "retention_approved", caller.tenant_id, **data))


def _shown(erasure: Erasure) -> ErasureShown:
    fields = set(ErasureShown.model_fields) - {"removed"}
    return ErasureShown(**{name: getattr(erasure, name) for name in fields}, removed=erasure.counts)
