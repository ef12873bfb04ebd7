"""Providers of language models that were added while the platform runs, and what tenants used of any provider."""

from __future__ import annotations

from typing import Protocol

from voiceagent.domain.provider import Provider, Used


class Providers(Protocol):
    """Providers of the tenant; their API keys are sealed where there are keys."""

    async def get(self, name: str) -> Provider:
        """The provider with its key. Raises NotFound `provider_not_found`."""
        ...

    async def put(self, provider: Provider) -> None:
        """Store or replace by name."""
        ...

    async def all(self) -> tuple[Provider, ...]:
        """Every provider with its key, by name."""
        ...

    async def delete(self, name: str) -> bool:
        """Remove it; False when there was none."""
        ...


class Usage(Protocol):
    """What the tenant used, by day and provider."""

    async def add(self, used: Used) -> None:
        """Add to the day's sums. Of any number that add at the same time nothing is lost."""
        ...

    async def since(self, day: str) -> tuple[Used, ...]:
        """The sums of that day (`2026-11-01`) and later, in order of day and provider."""
        ...


class Routing(Protocol):
    """The repositories above, of one transaction."""

    @property
    def providers(self) -> Providers: ...
    @property
    def usage(self) -> Usage: ...
