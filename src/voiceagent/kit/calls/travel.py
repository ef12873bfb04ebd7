"""What travels with a call: the id of the request that caused it, the time that is left for it, and, inside a process, who it is from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar

from voiceagent.kit.calls.trace import current

REQUEST_ID = "X-Request-Id"
LEFT_MS = "X-Voiceagent-Left-Ms"
"""Milliseconds, not a time of day: two machines need not agree on the clock."""
_MOST_MS = 3_600_000

_request_id: ContextVar[str] = ContextVar("voiceagent_request_id", default="")
_ends_at_s: ContextVar[float | None] = ContextVar("voiceagent_ends_at_s", default=None)
_caller: ContextVar[str] = ContextVar("voiceagent_caller", default="")


def arrived(request_id: str, headers: Mapping[str, str]) -> None:
    """A trusted call came in: what this task calls from now on goes under its id and inside its time."""
    _request_id.set(request_id)
    left = headers.get(LEFT_MS, "")
    known = left.isascii() and left.isdigit() and len(left) <= 7
    _ends_at_s.set(time.monotonic() + min(int(left), _MOST_MS) / 1000 if known else None)


def called_by(subject: str) -> None:
    """What this task does from now on it does for `subject`, who has been identified."""
    _caller.set(subject)


def caller() -> str:
    """For whom this task works; empty when it works for nobody in particular."""
    return _caller.get()


def left_s(most_s: float) -> float:
    """Seconds for a call that may take `most_s`: less when the call that caused it has less left. Never below zero."""
    ends_at_s = _ends_at_s.get()
    return most_s if ends_at_s is None else max(0.0, min(most_s, ends_at_s - time.monotonic()))


def departing(within_s: float | None = None) -> dict[str, str]:
    """The headers of a call that goes out and has `within_s` seconds, None for a call without an end."""
    headers = {REQUEST_ID: _request_id.get()} if _request_id.get() else {}
    if (trace := current()) is not None:
        headers |= trace.departing()
    if within_s is not None:
        headers[LEFT_MS] = str(max(1, round(within_s * 1000)))
    return headers
