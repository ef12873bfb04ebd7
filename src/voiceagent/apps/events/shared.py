"""The event log of a process: one, whoever asks, because a log in memory is known to its own process alone."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from voiceagent.apps.build import opened
from voiceagent.apps.parts import Parts
from voiceagent.ports.eventlog import EventLog

_logs: WeakKeyDictionary[Parts, asyncio.Task[EventLog]] = WeakKeyDictionary()


async def event_log(parts: Parts) -> EventLog:
    """Opened at the first call and closed with the ports of the process."""
    opening = _logs.get(parts)
    if opening is None:
        opening = _logs[parts] = asyncio.create_task(_opened(parts))
    return await asyncio.shield(opening)


async def _opened(parts: Parts) -> EventLog:
    log: EventLog = await opened("eventlog", parts.settings.url("bus"))
    parts.adopt("eventlog", log)
    return log
