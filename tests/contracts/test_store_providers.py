"""The sentences of ports/providers.py, on the same stores as the others."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from tests.contracts.test_store import postgresql_database, store, tenant

from voiceagent.domain.provider import Provider, Used
from voiceagent.kit.errors import NotFound
from voiceagent.ports.store import Store

__all__ = ["postgresql_database", "store", "tenant"]  # fixtures

GPT = Provider(
    "gpt",
    "openai+https://models.example/v1?model=m",
    roles=("chat", "summary"),
    languages=("de",),
    price_in=0.15,
    price_out=0.6,
    stored=True,
    api_key="sk-of-the-test",
)


async def test_a_provider_is_kept_replaced_listed_and_removed_with_its_key(store: Store, tenant: str) -> None:
    changed = dataclasses.replace(GPT, api_key="another", priority=3)
    async with store.begin(tenant) as work:
        await work.routing.providers.put(GPT)
        await work.routing.providers.put(dataclasses.replace(GPT, name="a", api_key=""))
    async with store.begin(tenant) as work:
        assert await work.routing.providers.get("gpt") == GPT
        await work.routing.providers.put(changed)
        assert [one.name for one in await work.routing.providers.all()] == ["a", "gpt"]
        assert await work.routing.providers.get("gpt") == changed
        assert await work.routing.providers.delete("gpt") and not await work.routing.providers.delete("gpt")
        with pytest.raises(NotFound):
            await work.routing.providers.get("gpt")


async def test_providers_of_another_tenant_are_not_there(store: Store, tenant: str) -> None:
    async with store.begin(tenant) as work:
        await work.routing.providers.put(GPT)
        await work.routing.usage.add(Used("2026-11-02", "gpt", 1, 10, 5, 7))
    async with store.begin(f"{tenant}_other") as work:
        assert await work.routing.providers.all() == ()
        assert await work.routing.usage.since("2026-01-01") == ()


async def test_sums_that_many_add_to_at_once_lose_nothing(store: Store, tenant: str) -> None:
    async def add(day: str) -> None:
        async with store.begin(tenant) as work:
            await work.routing.usage.add(Used(day, "gpt", 1, 10, 5, 2**33))

    await asyncio.gather(*(add("2026-11-02") for _ in range(10)), add("2026-10-31"), add("2026-11-03"))
    async with store.begin(tenant, read_only=True) as work:
        november = await work.routing.usage.since("2026-11-01")
    assert november == (Used("2026-11-02", "gpt", 10, 100, 50, 10 * 2**33), Used("2026-11-03", "gpt", 1, 10, 5, 2**33))
