"""POST /api/v1/privacy/reveal: what pseudonyms stand for, for those who may, and never without an audit record."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.identity import Principal
from voiceagent.domain.pii.replace import TOKEN
from voiceagent.kit.errors import NotFound
from voiceagent.rights.parts import RightsParts
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.deeds import deed

Revealer = Annotated[Principal, Depends(require("pii:reveal"))]
Pseudonym = Annotated[str, Field(max_length=80, pattern=f"^(?:{TOKEN.pattern})$")]


class RevealWanted(BaseModel):
    """Pseudonyms as they stand in the turns of a conversation. reason: stands in the audit record."""

    model_config = ConfigDict(extra="forbid")

    conversation_id: Annotated[str, Field(min_length=1, max_length=64)]
    pseudonyms: Annotated[list[Pseudonym], Field(min_length=1, max_length=100)]
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Revealed(BaseModel):
    """What each stands for. Those of which nothing is kept are absent."""

    originals: dict[str, str]


def reveal_routes(parts: RightsParts) -> Router:
    """The route over `parts`."""
    router = Router(tags=["privacy"])

    @router.post("/reveal")
    async def reveal_pseudonyms(
        wanted: RevealWanted, request: Request, response: Response, caller: Revealer
    ) -> Revealed:
        """Turn pseudonyms in a conversation back. The record of it is in the same transaction: without it nothing is told."""
        async with parts.store.begin(caller.tenant_id) as work:
            conversation = await work.conversations.get(wanted.conversation_id)
            if conversation.user_id != caller.subject and not caller.may("conversations:read"):
                raise NotFound("conversation_not_found", "there is no such conversation")
            known = await work.seals.originals(wanted.conversation_id)
            told = {name: known[name] for name in wanted.pseudonyms if name in known}
            kinds = ",".join(sorted({name[1:].partition(":")[0] for name in told}))
            data: dict[str, str | int | bool | None] = {"asked": len(wanted.pseudonyms), "told": len(told)}
            data |= {"kinds": kinds, "reason": wanted.reason}
            await work.audit.append(deed(request, "pii_revealed", wanted.conversation_id, **data))
        response.headers["Cache-Control"] = "no-store"
        return Revealed(originals=told)

    return router
