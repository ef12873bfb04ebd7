"""What the platform knows about the request or socket that it serves: one small object in the ASGI scope."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection

from voiceagent.domain.identity import Principal

_SCOPE_KEY = "voiceagent"
_SANE_ID = re.compile(r"^[A-Za-z0-9_-]{8,64}$")


def new_request_id() -> str:
    """A fresh id of a request: 96 random bits."""
    return "req_" + secrets.token_hex(12)


@dataclass(slots=True)
class RequestContext:
    """principal: set once the caller is known.  accepted: the WebSocket has been upgraded.  response_started: too late for another status.

    headers: added to the response unless the route sets them itself (limits, retry times).

    recheck: the caller as of now, for what lasts longer than a request; raises Unauthenticated when their rights have gone.
    grounds: what the authenticator keeps for itself.  calls_left: in the scarcest of its budgets.
    """

    request_id: str = field(default_factory=new_request_id)
    principal: Principal | None = None
    accepted: bool = False
    response_started: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    recheck: Callable[[], Awaitable[Principal]] | None = None
    grounds: object = None
    calls_left: int | None = None


def context_of(conn: HTTPConnection) -> RequestContext:
    """The context of this request or socket."""
    return scope_context(conn.scope)


def scope_context(scope: Any) -> RequestContext:
    """The context in this ASGI scope; made on first use."""
    context = scope.get(_SCOPE_KEY)
    if not isinstance(context, RequestContext):
        context = scope[_SCOPE_KEY] = RequestContext()
    return context


def adopt_request_id(conn: HTTPConnection) -> None:
    """Go on under the id that a trusted service sent. Call it only after its token was verified."""
    offered = conn.headers.get("x-request-id", "")
    if _SANE_ID.match(offered):
        context_of(conn).request_id = offered
