"""POST /api/v1/voice/tickets: a one-time ticket that opens one realtime socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from voiceagent.domain.identity import Principal
from voiceagent.gateway.identity.grounds import Grounds
from voiceagent.gateway.identity.routes.shapes import Parts, Strict
from voiceagent.gateway.identity.tickets import TICKET_LIFE_S, Ticket
from voiceagent.kit.errors import Unauthenticated
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.context import context_of

router: APIRouter = Router(prefix="/api/v1/voice", tags=["voice"])


class TicketWanted(Strict):
    """agent_id: the only agent that the ticket shall connect to; any without."""

    agent_id: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_.-]*$")] = ""


class TicketMade(BaseModel):
    """To be put into the address: /v1/realtime?ticket=..., within expires_in seconds, once."""

    ticket: str
    expires_in: int = TICKET_LIFE_S


@router.post("/tickets", status_code=201)
async def create_ticket(
    wanted: TicketWanted, request: Request, _: Annotated[Principal, Depends(require("talk"))], parts: Parts
) -> TicketMade:
    """A ticket with the caller's right to talk and nothing more. The socket lives no longer than the caller's key or session."""
    grounds = context_of(request).grounds
    if not isinstance(grounds, Grounds):
        raise Unauthenticated("missing_credentials", "This call needs credentials.")
    to_talk = replace(grounds, scopes=frozenset({"talk"}), until_s=None)
    return TicketMade(ticket=await parts.tickets.issue(Ticket(to_talk, wanted.agent_id)))
