"""Providers of a process: where they are asked, how one is opened, and that they follow the store while the process runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voiceagent.adapters.providers.pool import Pool
from voiceagent.apps.build import ADAPTERS, opened
from voiceagent.apps.parts import Parts
from voiceagent.apps.privacy import private_part
from voiceagent.apps.routing.pair import ROUTED, pair
from voiceagent.apps.settings import Settings
from voiceagent.domain.provider import KINDS, Budget, Kind, Provider, provider_of
from voiceagent.engine.routing.ledger import Ledger
from voiceagent.engine.routing.registry import OpenPart, Registry, Rules, Target
from voiceagent.kit.calls.outbound import Outbound


async def follow(parts: Parts) -> None:
    """Ask the providers of speech and embeddings that the settings and the store name, from now until the process ends.

    A store that does not answer keeps nobody from being heard: what the settings name is asked meanwhile.
    """
    registry = follower(parts, parts.pools, ledger(parts))
    await registry.begin_fixed(fixed_providers(parts.settings))


def follower(parts: Parts, targets: Mapping[Kind, Target], spending: Ledger) -> Registry:
    """What keeps `targets` as the store has them, in the background; what they cost is counted by `spending`."""
    settings = parts.settings
    elsewhere = [one for kind in ROUTED if kind not in targets for one in pair(settings, kind)]
    elsewhere += [one for one in fixed_providers(settings) if one.kind not in targets]
    registry = Registry(targets, parts.store, opener(parts), rules(settings), elsewhere)
    for target in targets.values():
        if isinstance(target, Pool):
            target.spent = spending.note_cost
    parts.background(registry.run(), name="providers")
    parts.background(spending.run(), name="ledger")
    parts.at_drain(spending.flush)
    return registry


def ledger(parts: Parts) -> Ledger:
    """Counts what is spent, against the budgets of the settings and of each organisation."""
    told = parts.settings.routing
    return Ledger(parts.store, parts.clock, Budget(told.tokens_per_month, told.cost_per_month))


def rules(settings: Settings) -> Rules:
    """What a provider added at run time may be."""
    schemes = {kind: tuple(one for one in sorted(ADAPTERS[kind]) if one != "scripted") for kind in KINDS}
    return Rules(Outbound(settings.routing.allowed_hosts), settings.routing.local_models, schemes)


def opener(parts: Parts) -> OpenPart:
    """Makes the adapter of a provider; calls of one that was added at run time go only where the settings allow."""
    settings, outbound = parts.settings, Outbound(parts.settings.routing.allowed_hosts)

    async def open_part(provider: Provider) -> Any:
        key = provider.api_key if provider.stored or provider.kind == "llm" else None  # None: that of the environment
        own: dict[str, object] = {} if provider.kind == "llm" else {"threads": settings.models.threads}
        allowed = outbound if provider.stored else None
        part = await opened(
            provider.kind, provider.url, models=parts.models, api_key=key, outbound=allowed, clock=parts.clock, **own
        )
        return private_part(settings, provider.kind, provider.url, part)

    return open_part


def fixed_providers(settings: Settings) -> Sequence[Provider]:
    """Those of routing.providers. Raises InvalidInput `bad_provider`."""
    return [provider_of(settings.filled(url)) for url in settings.routing.providers]
