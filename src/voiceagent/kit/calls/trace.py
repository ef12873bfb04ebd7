"""The trace that a caller began (W3C Trace Context): read, noted for this task, and handed on with a span of our own. Records no spans."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE_CHARS = 512


@dataclass(frozen=True, slots=True)
class Trace:
    """trace_id: 32 hexadecimal digits.  flags: two of them.  state: what the vendors of tracing tools keep, as it came."""

    trace_id: str
    flags: str
    state: str = ""

    def departing(self) -> dict[str, str]:
        """The headers of one call that goes out."""
        headers = {TRACEPARENT: f"00-{self.trace_id}-{secrets.token_hex(8)}-{self.flags}"}
        return headers | {TRACESTATE: self.state} if self.state else headers


_trace: ContextVar[Trace | None] = ContextVar("voiceagent_trace", default=None)


def read(parent: str, state: str = "") -> Trace | None:
    """The trace of these headers; None for a parent that is none, whose state is then dropped, too (W3C Trace Context, 4.3)."""
    match = _PARENT.fullmatch(parent.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    kept = state if len(state) <= _STATE_CHARS and state.isascii() and state.isprintable() else ""
    return Trace(trace_id, flags, kept)


def begin(trace: Trace | None) -> None:
    """What this task calls from now on belongs to `trace`."""
    _trace.set(trace)


def current() -> Trace | None:
    """The trace of this task."""
    return _trace.get()
