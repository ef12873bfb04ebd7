"""A fresh access token for a socket that is open: the call goes on beyond the end of the token that opened it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Send

from voiceagent.gateway.identity.grounds import Grounds, Identities
from voiceagent.kit.errors import Forbidden, InvalidInput, Problem, Unauthenticated
from voiceagent.kit.ids import new_id
from voiceagent.web.context import context_of
from voiceagent.web.strict_json import strict_loads

UPDATE = "voiceagent.authorization.update"
UPDATED = "voiceagent.authorization.updated"
_MOST_CHARS = 16 * 1024


def renewing(conn: HTTPConnection, receive: Receive, send: Send, identities: Identities) -> Receive:
    """`receive` without the caller's `voiceagent.authorization.update` events, which are answered here and never reach the service."""

    async def passed_on() -> Message:
        while True:
            message = await receive()
            text = message.get("text")
            if not text or len(text) > _MOST_CHARS or UPDATE not in text:
                return message
            event = _event(text)
            if event is None:
                return message
            await send({"type": "websocket.send", "text": json.dumps(await _answer(conn, event, identities))})

    return passed_on


def _event(text: str) -> dict[str, object] | None:
    try:
        event = strict_loads(text)
    except InvalidInput:
        return None  # the service says what is wrong with it
    return event if isinstance(event, dict) and event.get("type") == UPDATE else None


async def _answer(conn: HTTPConnection, event: dict[str, object], identities: Identities) -> dict[str, object]:
    try:
        await _renew(conn, event.get("access_token"), identities)
    except Problem as problem:
        told = {"type": "invalid_request_error", "code": problem.code, "message": problem.message, "param": None}
        return {"type": "error", "event_id": new_id("event"), "error": told | {"event_id": event.get("event_id")}}
    return {"type": UPDATED, "event_id": new_id("event")}


async def _renew(conn: HTTPConnection, token: object, identities: Identities) -> None:
    """Put the token's grounds in the place of those before. Raises Unauthenticated, Forbidden `not_your_token`."""
    context = context_of(conn)
    before = context.grounds
    if not isinstance(token, str) or token.count(".") != 2:
        raise Unauthenticated("bad_token", "The access token is not valid.")
    fresh = identities.of_token(token)
    if not isinstance(before, Grounds) or (before.tenant_id, before.user_id) != (fresh.tenant_id, fresh.user_id):
        raise Forbidden("not_your_token", "The token is not of the person who opened this socket.")
    if before.scopes is not None and fresh.scopes is not None:
        fresh = replace(fresh, scopes=before.scopes & fresh.scopes)
    if context.principal is None or not context.principal.scopes <= (await identities.principal(fresh)).scopes:
        raise Forbidden("rights_changed", "Your rights have changed; connect again.")
    context.grounds, context.recheck = fresh, partial(identities.principal, fresh)
