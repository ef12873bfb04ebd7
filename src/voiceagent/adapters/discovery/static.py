"""`static://`: services run where the settings say."""

from __future__ import annotations

from voiceagent.ports.discovery import KnownServices


def open_discovery(url: str, *, known: KnownServices) -> StaticDiscovery:
    """The URLs of the settings. `url` says nothing more."""
    return StaticDiscovery(known)


class StaticDiscovery:
    """Implements ports.discovery.Discovery."""

    def __init__(self, known: KnownServices) -> None:
        self._known = known

    async def addresses(self, service: str) -> tuple[str, ...]:
        return tuple(sorted(self._known.get(service, ())))

    async def announce(self, service: str, url: str) -> None:
        """The settings know."""

    async def withdraw(self, service: str, url: str) -> None:
        """A balancer sees by itself that nobody answers."""

    async def close(self) -> None:
        """Holds nothing."""
