"""Opens the keys under which everything is sealed."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from voiceagent.apps.build import opened
from voiceagent.apps.settings import KeysSettings, Settings
from voiceagent.kit.clock import Clock
from voiceagent.ports.blobs import BlobStore
from voiceagent.ports.keys import Keys


async def open_keys(settings: Settings, clock: Clock, *, make: bool, ring: BlobStore | None = None) -> Keys | None:
    """The keys; None when the settings want no encryption.

    make: make the root key when it is missing. Services that run apart, perhaps on other machines, must not: each would make one that the
    others do not have. Until they are told where the key is, nothing is encrypted.  ring: where the organisations' keys are, if not at `keys.ring_url`.
    """
    url = settings.filled(settings.keys.url)
    if not url or (not make and _is_missing(settings, url)):
        return None
    if ring is None:
        ring = await opened("blobs", settings.filled(settings.keys.ring_url))
    keys: Keys = await opened("keys", url, ring=ring, clock=clock)
    return keys


def _is_missing(settings: Settings, url: str) -> bool:
    """Whether the operator said nothing and there is no file where it would be."""
    return settings.keys.url == KeysSettings().url and not Path(unquote(url.partition("://")[2])).exists()
