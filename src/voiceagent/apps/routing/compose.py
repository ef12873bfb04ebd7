"""Composes the router of language models and the registry of an engine: providers of the settings, of the store, and what is spent on them."""

from __future__ import annotations

from dataclasses import replace

from voiceagent.apps.parts import Parts
from voiceagent.apps.routing.follow import follower, ledger, opener
from voiceagent.apps.routing.pair import FIRST_PRIORITY
from voiceagent.apps.settings import Settings
from voiceagent.domain.provider import Provider, provider_of
from voiceagent.engine.routing.registry import Registry
from voiceagent.engine.routing.router import Router
from voiceagent.ports.llm import LanguageModel


def routing(parts: Parts) -> tuple[Router, Registry]:
    """The router with the models of [llm], and what changes it and the pools of this process, which follow the store until it ends."""
    settings = parts.settings
    spending = ledger(parts)
    router = Router(clock=parts.clock, policy=settings.routing.policy, ledger=spending)
    open_model = opener(parts)
    for position, (url, llm) in enumerate(zip(llm_urls(settings), parts.llms, strict=True)):
        router.put(_named(url, llm, FIRST_PRIORITY + position), llm, open_model)
    return router, follower(parts, {"llm": router, **parts.pools}, spending)


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
