"""Where the services are when they run apart: what this process asks, and what it tells of itself."""

from __future__ import annotations

import asyncio
import socket

import structlog

from voiceagent.apps.build import opened
from voiceagent.apps.settings import Settings
from voiceagent.kit.calls.upkeep import Find
from voiceagent.kit.errors import Problem
from voiceagent.kit.tasks import TaskScope
from voiceagent.ports.discovery import Discovery

CALLED = ("engine", "voice", "documents")
"""Services that others call; the gateway and the dashboard are found by people, workers by nobody."""
ANNOUNCE_EVERY_S = 2.0
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, never bound

_log = structlog.get_logger(__name__)


class Places:
    """Opens the discovery of the settings when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._discovery: Discovery | None = None
        self._own: tuple[str, str] | None = None
        self._beats = TaskScope("places")

    async def find(self) -> Find | None:
        """How to find services again and again; None when they are where the settings say, for good."""
        if self._settings.discovery.url.startswith("static:"):
            return None
        return (await self._open()).addresses

    async def announce(self, service: str) -> None:
        """Tell that this process answers as `service`, again and again until `withdraw`. A register that is down is told later."""
        if service not in CALLED:
            return
        discovery = await self._open()
        self._own = (service, own_url(self._settings, service))
        self._beats.start(_beat(discovery, *self._own), name=service)

    async def withdraw(self) -> None:
        """Tell that this process takes no more calls."""
        await self._beats.close(within_s=1.0)
        own, self._own = self._own, None
        if own is None or self._discovery is None:
            return
        try:
            await self._discovery.withdraw(*own)
        except Problem as problem:
            _log.warning("not_withdrawn", code=problem.code)  # the entry ends by itself

    async def close(self) -> None:
        """Idempotent."""
        await self._beats.close(within_s=1.0)
        if self._discovery is not None:
            await self._discovery.close()

    async def _open(self) -> Discovery:
        if self._discovery is None:
            known = {service: self._settings.service_urls(service) for service in CALLED}
            self._discovery = await opened("discovery", self._settings.url("discovery"), known=known)
        return self._discovery


async def _beat(discovery: Discovery, service: str, url: str) -> None:
    while True:
        try:
            await discovery.announce(service, url)
        except Problem as problem:
            _log.warning("not_announced", code=problem.code)
        await asyncio.sleep(ANNOUNCE_EVERY_S)


def own_url(settings: Settings, service: str) -> str:
    """The URL under which other machines reach this process."""
    host = settings.discovery.advertise_host or settings.server.internal_host
    if host in _WILDCARDS:
        host = socket.gethostbyname(socket.gethostname())
    host = f"[{host}]" if ":" in host else host
    return f"{settings.internal_scheme}://{host}:{getattr(settings.server, f'{service}_port')}"
