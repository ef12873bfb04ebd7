"""Calls that were refused for a missing right, in the audit log: each once, and a caller who keeps trying no more than so often."""

from __future__ import annotations

from collections import OrderedDict

import structlog
from starlette.requests import HTTPConnection

from voiceagent.domain.identity import Principal
from voiceagent.gateway.deeds import deed
from voiceagent.kit.clock import Clock
from voiceagent.kit.errors import Problem
from voiceagent.ports.store import Store

_log = structlog.get_logger(__name__)

MOST_A_MINUTE = 10
"""Records of one caller; how many more there were stands in the first record of a later minute."""
_CALLERS = 4_096
_MINUTE_S = 60.0


class Denials:
    """Notes refusals. A store that is away costs the record, never the refusal."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._callers: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    async def note(self, conn: HTTPConnection, caller: Principal, scope: str) -> None:
        """`caller` was refused for lack of `scope`."""
        suppressed = self._taken((caller.tenant_id, caller.subject))
        if suppressed is None:
            return
        route = conn.scope.get("route")
        path = str(getattr(route, "path", "")) or "unknown"
        method = str(conn.scope.get("method", "WS"))
        entry = deed(conn, "access_denied", path, scope=scope, method=method, suppressed_before=suppressed)
        try:
            async with self._store.begin(caller.tenant_id) as work:
                await work.audit.append(entry)
        except Problem as problem:
            _log.warning("denial_not_recorded", code=problem.code)

    def _taken(self, caller: tuple[str, str]) -> int | None:
        """How many were left out in the minute before; None when this one is left out, too."""
        now_s = self._clock.monotonic_s()
        began_s, count = self._callers.get(caller, (now_s, 0))
        suppressed = 0
        if now_s - began_s >= _MINUTE_S:
            suppressed = max(0, count - MOST_A_MINUTE)
            began_s, count = now_s, 0
        self._callers[caller] = (began_s, count + 1)
        self._callers.move_to_end(caller)
        while len(self._callers) > _CALLERS:
            self._callers.popitem(last=False)
        return suppressed if count < MOST_A_MINUTE else None
