"""`dns://`: a service runs at every address of the host name in its URL, as container platforms answer for replicas."""

from __future__ import annotations

import asyncio
import socket

from yarl import URL

from voiceagent.kit.errors import Unavailable
from voiceagent.ports.discovery import KnownServices

RESOLVE_S = 1.0


def open_discovery(url: str, *, known: KnownServices) -> DnsDiscovery:
    """All addresses of the hosts in the URLs of the settings. `url` says nothing more."""
    return DnsDiscovery(known)


class DnsDiscovery:
    """Implements ports.discovery.Discovery."""

    def __init__(self, known: KnownServices) -> None:
        self._known = known

    async def addresses(self, service: str) -> tuple[str, ...]:
        found: set[str] = set()
        try:
            async with asyncio.timeout(RESOLVE_S):
                for known in self._known.get(service, ()):
                    found |= await _resolved(URL(known))
        except (OSError, TimeoutError) as error:
            raise Unavailable("discovery_unavailable", f"the name of the {service} service is not found") from error
        return tuple(sorted(found))

    async def announce(self, service: str, url: str) -> None:
        """Who answers for the name knows."""

    async def withdraw(self, service: str, url: str) -> None:
        """Who answers for the name sees that the process is not ready."""

    async def close(self) -> None:
        """Holds nothing."""


async def _resolved(url: URL) -> set[str]:
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM, family=socket.AF_UNSPEC)
    return {str(url.with_host(str(address[0]))).rstrip("/") for *_, address in answers}
