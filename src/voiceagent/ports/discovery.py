"""Where the services run when they run apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

KnownServices = Mapping[str, Sequence[str]]
"""The URLs that the settings give for each service."""


class Discovery(Protocol):
    """The addresses of services, as they come and go."""

    async def addresses(self, service: str) -> tuple[str, ...]:
        """The URLs at which `service` runs now, sorted; empty when it is nowhere. Raises Unavailable `discovery_unavailable` within 1 s."""
        ...

    async def announce(self, service: str, url: str) -> None:
        """`service` runs at `url` for the next 6 s: call it again every 2 s. Does nothing where addresses come from elsewhere.

        Idempotent. Raises Unavailable `discovery_unavailable`.
        """
        ...

    async def withdraw(self, service: str, url: str) -> None:
        """`service` takes no more calls at `url`. Idempotent. Raises Unavailable `discovery_unavailable`."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...
