"""Looks again and again whether the caller of an open socket may still be there. Knows nothing of what passes through it."""

from __future__ import annotations

import asyncio
import json
from itertools import count

from starlette.requests import HTTPConnection

from voiceagent.gateway.parts import gateway_of
from voiceagent.kit.errors import Forbidden, Problem, RateLimited, Unauthenticated, Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.web.context import context_of
from voiceagent.web.problems import close_code

LOOKS_EVERY_S = 0.5
"""With answers of the store up to 4 s old, a right that went away closes its sockets within 5 s."""

STORE_AWAY_S = 60.0
"""So long a socket lives on while nobody can say whether its caller still may."""


async def rights_end(conn: HTTPConnection) -> Problem:
    """Returns the reason once the caller of `conn` may not go on; runs until then or until cancelled."""
    context = context_of(conn)
    if context.recheck is None or context.principal is None:
        return Unauthenticated("missing_credentials", "This call needs credentials.")
    loop = asyncio.get_running_loop()
    last_known_s = loop.time()
    for looks in count(1):
        await asyncio.sleep(LOOKS_EVERY_S)
        try:
            now = await context.recheck()
        except Unavailable as problem:
            if loop.time() - last_known_s > STORE_AWAY_S:
                return problem
            continue
        except (Unauthenticated, Forbidden) as problem:
            return problem
        last_known_s = loop.time()
        problem_of_use = await _used(conn, looks)
        if problem_of_use is not None:
            return problem_of_use
        if not context.principal.scopes <= now.scopes:
            return Forbidden("rights_changed", "Your rights have changed; connect again.")
    raise AssertionError  # the loop has no end


async def _used(conn: HTTPConnection, looks: int) -> Problem | None:
    """Take each second of the call from the caller's quota; the problem when there is none left."""
    if looks % round(1 / LOOKS_EVERY_S):
        return None
    try:
        await gateway_of(conn).quotas.call_second(conn)
    except RateLimited as problem:
        return problem
    return None


def farewell(problem: Problem) -> tuple[dict[str, object], dict[str, object]]:
    """The last event, in the realtime protocol's shape, and the close that follows it."""
    error = {"type": "invalid_request_error", "code": problem.code, "message": problem.message, "param": None}
    event = {"type": "error", "event_id": new_id("event"), "error": error}
    text: dict[str, object] = {"type": "websocket.send", "text": json.dumps(event)}
    return text, {"type": "websocket.close", "code": close_code(problem), "reason": problem.code}
