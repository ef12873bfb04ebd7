"""Composes the router of language models: providers of the settings, of the store, and what is spent on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from voiceagent.apps.build import opened
from voiceagent.apps.parts import Parts
from voiceagent.apps.privacy import private_model
from voiceagent.apps.settings import Settings
from voiceagent.domain.provider import Budget, Provider, provider_of
from voiceagent.engine.routing.ledger import Ledger
from voiceagent.engine.routing.registry import Registry, Rules
from voiceagent.engine.routing.router import Router
from voiceagent.engine.routing.slot import OpenModel
from voiceagent.kit.calls.outbound import Outbound
from voiceagent.ports.llm import LanguageModel

_FIRST_PRIORITY = 10
"""Of llm.url; its fall-back has the next. A provider with a lower one comes before both."""


def registry(parts: Parts) -> Registry:
    """The router with the models of [llm], and what changes it. It follows the store, and spending is written, until the process ends."""
    settings = parts.settings
    budget = Budget(settings.routing.tokens_per_month, settings.routing.cost_per_month)
    ledger = Ledger(parts.store, parts.clock, budget)
    router = Router(clock=parts.clock, policy=settings.routing.policy, ledger=ledger)
    open_model = opener(parts)
    for position, (url, llm) in enumerate(zip(llm_urls(settings), parts.llms, strict=True)):
        model = private_model(settings, llm)
        router.put(_named(url, model, _FIRST_PRIORITY + position), model, open_model)
    providers = Registry(router, parts.store, open_model, rules(settings))
    parts.background(providers.run(), name="providers")
    parts.background(ledger.run(), name="ledger")
    parts.at_drain(ledger.flush)
    return providers


def rules(settings: Settings) -> Rules:
    """What a provider added at run time may be."""
    return Rules(Outbound(settings.routing.allowed_hosts), settings.routing.local_models)


def opener(parts: Parts) -> OpenModel:
    """Makes the adapter of a provider; calls of one that was added at run time go only where the settings allow."""
    outbound = Outbound(parts.settings.routing.allowed_hosts)

    async def open_model(provider: Provider) -> LanguageModel:
        llm = await opened(
            "llm",
            provider.url,
            models=parts.models,
            api_key=provider.api_key,
            outbound=outbound if provider.stored else None,
        )
        return private_model(parts.settings, llm)

    return open_model


def fixed_providers(settings: Settings) -> Sequence[Provider]:
    """Those of routing.providers. Raises InvalidInput `bad_provider`."""
    return [provider_of(settings.filled(url)) for url in settings.routing.providers]


def llm_urls(settings: Settings) -> list[str]:
    """Of [llm]: the model and its fall-back."""
    urls = (settings.llm.url, settings.llm.fallback_url)
    return [settings.filled(url) for url in urls if url]


def _named(url: str, model: LanguageModel, priority: int) -> Provider:
    """The provider that a URL of [llm] describes, by the model's name unless it says another."""
    provider = provider_of(url)
    named = any(start in url for start in ("?name=", "&name="))
    name = provider.name if named else model.capabilities.model
    return replace(provider, name=name, priority=priority if "priority=" not in url else provider.priority)
