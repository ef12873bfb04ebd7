"""/api/v1/privacy/holds: whose data neither retention nor an erasure removes. Shown are keyed hashes, never people."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import NotFound
from voiceagent.ports.store import UnitOfWork
from voiceagent.rights.holds import Holds, holds_of, put_holds
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.requests import subject_of
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.deeds import deed

Guardian = Annotated[Principal, Depends(require("privacy:write"))]
Subject = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Strict(BaseModel):
    """A body that takes no field but its own."""

    model_config = ConfigDict(extra="forbid")


class HoldsBody(Strict):
    """everything: nothing of the organisation is removed.  subjects: ids or e-mail addresses of people whose data stays; null: who is held already."""

    everything: bool = False
    subjects: Annotated[list[Subject], Field(max_length=10_000)] | None = []


class HoldWanted(Strict):
    """subject: the id or e-mail address of a person, or the id of a key; to release one also the name by which the hold is shown."""

    subject: Subject


class HoldsShown(BaseModel):
    """names: keyed hashes of the people."""

    everything: bool
    names: list[str]


class HoldChanged(HoldsShown):
    """The legal holds as they are now. name: the keyed hash of the person whom the call was about."""

    name: str


def hold_routes(parts: RightsParts) -> Router:
    """The routes over `parts`, below /api/v1/privacy."""
    router = Router(tags=["privacy"])

    @router.get("/holds")
    async def get_holds(caller: Guardian) -> HoldsShown:
        """The legal holds."""
        async with parts.store.begin(caller.tenant_id, read_only=True) as work:
            holds = await holds_of(work)
        return HoldsShown(everything=holds.everything, names=sorted(holds.names))

    @router.put("/holds")
    async def change_holds(wanted: HoldsBody, request: Request, caller: Guardian) -> HoldsShown:
        """Replace all legal holds: neither retention nor an erasure removes what is held. `/holds/subjects` adds or releases one."""
        async with parts.store.begin(caller.tenant_id) as work:
            holds = Holds(wanted.everything)
            if wanted.subjects is not None:
                subjects = [await subject_of(work, one) for one in wanted.subjects]
                holds = replace(holds, names=frozenset(parts.names.of(caller.tenant_id, one) for one in subjects))
            people: dict[str, int] = {} if wanted.subjects is None else {"people": len(holds.names)}
            data: dict[str, str | int | bool | None] = {"everything": wanted.everything, **people}
            await work.audit.append(deed(request, "legal_holds_changed", caller.tenant_id, **data))
            if wanted.subjects is None:  # as the writer of the record before left them
                holds = replace(holds, names=(await holds_of(work)).names)
            await put_holds(work, holds)
        return HoldsShown(everything=holds.everything, names=sorted(holds.names))

    @router.post("/holds/subjects")
    async def hold_subject(wanted: HoldWanted, request: Request, caller: Guardian) -> HoldChanged:
        """Hold one person's data beside what is held already. Doing it again changes nothing."""
        async with parts.store.begin(caller.tenant_id) as work:
            name = parts.names.of(caller.tenant_id, await subject_of(work, wanted.subject))
            return _changed(name, await _turned(work, request, name, is_held=True))

    @router.delete("/holds/subjects")
    async def release_subject(wanted: HoldWanted, request: Request, caller: Guardian) -> HoldChanged:
        """Release one person's data; the other holds stay. Doing it again changes nothing."""
        async with parts.store.begin(caller.tenant_id) as work:
            name = await _name_to_release(work, parts, caller.tenant_id, wanted.subject)
            return _changed(name, await _turned(work, request, name, is_held=False))

    return router


async def _name_to_release(work: UnitOfWork, parts: RightsParts, tenant_id: str, told: str) -> str:
    """The name of a hold, told as such or as whom it holds, who need not be known any more. Raises NotFound `subject_not_found`."""
    held = (await holds_of(work)).names
    name = parts.names.of(tenant_id, told)
    if told in held or name in held:
        return told if told in held else name
    with suppress(NotFound):
        return parts.names.of(tenant_id, await subject_of(work, told))
    raise NotFound(
        "subject_not_found", "nothing is known of this person or key, and no hold is so called", param="subject"
    )


async def _turned(work: UnitOfWork, request: Request, name: str, *, is_held: bool) -> Holds:
    """The holds with or without this one, recorded and written unless they are so already."""
    holds = await holds_of(work)
    if (name in holds.names) is is_held:
        return holds
    await work.audit.append(deed(request, "legal_holds_changed", name, held=is_held))
    holds = await holds_of(work)  # as the writer of the record before left them: no two can write the log at a time
    holds = replace(holds, names=holds.names | {name} if is_held else holds.names - {name})
    await put_holds(work, holds)
    return holds


def _changed(name: str, holds: Holds) -> HoldChanged:
    return HoldChanged(name=name, everything=holds.everything, names=sorted(holds.names))
