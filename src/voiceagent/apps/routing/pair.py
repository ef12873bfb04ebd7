"""What the settings name to hear, to speak and to embed: a provider and its fall-back, as entries of the registry. Opens nothing."""

from __future__ import annotations

from dataclasses import replace

from voiceagent.apps.settings import Settings
from voiceagent.domain.provider import Provider, provider_of

ROUTED = ("stt", "tts", "embed")
FIRST_PRIORITY = 10
"""Of KIND.url; its fall-back has the next. A provider with a lower one comes before both."""


def pair(settings: Settings, kind: str) -> list[Provider]:
    """KIND.url and, if there is one, KIND.fallback_url. Raises InvalidInput `bad_provider`."""
    fallback_url = getattr(settings, kind).fallback_url
    urls = [settings.url(kind), *([settings.filled(fallback_url)] if fallback_url else [])]
    found: list[Provider] = []
    for position, url in enumerate(urls):
        provider = provider_of(url, kind=kind)
        if any(one.name == provider.name for one in found):
            provider = replace(provider, name=f"{provider.name}-{position + 1}")
        told = "priority=" in url
        found.append(provider if told else replace(provider, priority=FIRST_PRIORITY + position))
    return found
