"""The composition table: which adapter a URL picks. The only place that knows adapters by name, and the one lazy import."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

from voiceagent.kit.errors import Misconfigured

_OPENAI = ("openai+http", "openai+https")
_REDIS = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")

ADAPTERS: dict[str, dict[str, str]] = {
    "store": {
        "sqlite": "voiceagent.adapters.store.sql:open_store",
        "postgresql": "voiceagent.adapters.store.sql:open_store",
    },
    "blobs": {
        "file": "voiceagent.adapters.blobs.files:open_blobs",
        "s3": "voiceagent.adapters.blobs.s3:open_blobs",
    },
    "keys": {
        **dict.fromkeys(("file", "env"), "voiceagent.adapters.keys.roots:open_keys"),
        **dict.fromkeys(("vault+https", "vault+http"), "voiceagent.adapters.keys.vault:open_keys"),
    },
    "anchors": {"file": "voiceagent.adapters.anchors.file:open_anchors"},
    "vectors": {
        "local": "voiceagent.adapters.vectors.local:open_vectors",
        **dict.fromkeys(("weaviate", "weaviates"), "voiceagent.adapters.vectors.weaviate:open_vectors"),
    },
    "cache": {
        "memory": "voiceagent.adapters.cache.memory:open_cache",
        **dict.fromkeys(_REDIS, "voiceagent.adapters.cache.redis:open_cache"),
    },
    "bus": {
        "memory": "voiceagent.adapters.bus.memory:open_bus",
        **dict.fromkeys(_REDIS, "voiceagent.adapters.bus.redis:open_bus"),
    },
    "eventlog": {
        "memory": "voiceagent.adapters.bus.memory_log:open_log",
        **dict.fromkeys(_REDIS, "voiceagent.adapters.bus.redis_log:open_log"),
    },
    "llm": {
        "llamacpp": "voiceagent.adapters.llm.llamacpp:open_llm",
        **dict.fromkeys((*_OPENAI, "azure+https"), "voiceagent.adapters.llm.openai:open_llm"),
        "transformers": "voiceagent.adapters.llm.transformers:open_llm",
        "scripted": "voiceagent.adapters.llm.scripted:open_llm",
    },
    "stt": {
        "whisper": "voiceagent.adapters.stt.whisper:open_stt",
        **dict.fromkeys(_OPENAI, "voiceagent.adapters.stt.openai:open_stt"),
        "scripted": "voiceagent.adapters.stt.scripted:open_stt",
    },
    "tts": {
        "hibari": "voiceagent.adapters.tts.hibari:open_tts",
        "piper": "voiceagent.adapters.tts.piper:open_tts",
        **dict.fromkeys(_OPENAI, "voiceagent.adapters.tts.openai:open_tts"),
        "scripted": "voiceagent.adapters.tts.scripted:open_tts",
    },
    "vad": {
        "silero": "voiceagent.adapters.vad.silero:open_vad",
        "scripted": "voiceagent.adapters.vad.scripted:open_vad",
    },
    "turns": {
        "smartturn": "voiceagent.adapters.turns.smartturn:open_turns",
        "scripted": "voiceagent.adapters.turns.scripted:open_turns",
    },
    "embed": {
        "minilm": "voiceagent.adapters.embed.minilm:open_embed",
        **dict.fromkeys(_OPENAI, "voiceagent.adapters.embed.openai:open_embed"),
        "hashed": "voiceagent.adapters.embed.hashed:open_embed",
    },
    "tools": {"file": "voiceagent.adapters.tools.file:open_tools"},
    "rerank": {
        "none": "voiceagent.adapters.rerank.none:open_rerank",
        **dict.fromkeys(
            ("rerank+http", "rerank+https", "tei+http", "tei+https"), "voiceagent.adapters.rerank.server:open_rerank"
        ),
    },
    "discovery": {
        "static": "voiceagent.adapters.discovery.static:open_discovery",
        "dns": "voiceagent.adapters.discovery.dns:open_discovery",
        **dict.fromkeys(_REDIS, "voiceagent.adapters.discovery.redis:open_discovery"),
    },
    "documents": dict.fromkeys(("http", "https"), "voiceagent.adapters.services.documents_http:open_documents"),
    "engine": dict.fromkeys(("http", "https"), "voiceagent.adapters.services.engine_http:open_engine"),
}

_SEALED = {"blobs": "voiceagent.adapters.blobs.sealed:SealedBlobs"}
"""What is put over an adapter when there are keys; the store seals its rows itself."""

_ROUTED = {
    "stt": "voiceagent.adapters.providers.stt:routed_stt",
    "tts": "voiceagent.adapters.providers.tts:routed_tts",
    "embed": "voiceagent.adapters.providers.embed:routed_embedder",
}
"""What is put over the providers of a kind; language models have a router instead."""

_IN_THREADS = frozenset({"stt", "tts", "vad", "turns", "embed"})
"""Opening these reads models for a while; the others make connections, which belong to the event loop."""


async def opened(port: str, url: str, **parts: object) -> Any:
    """The adapter of `port` that `url` picks, given those of `parts` that it names; sealed when `keys` are among them.

    Raises Misconfigured `unknown_adapter`, and what the adapter raises.
    """
    open_adapter = found(port, url)
    wanted = {name: part for name, part in parts.items() if name in inspect.signature(open_adapter).parameters}
    if port in _IN_THREADS and not inspect.iscoroutinefunction(open_adapter):
        return await asyncio.to_thread(open_adapter, url, **wanted)
    adapter = open_adapter(url, **wanted)
    adapter = await adapter if inspect.isawaitable(adapter) else adapter
    return _resolved(_SEALED[port])(adapter, parts["keys"]) if port in _SEALED and parts.get("keys") else adapter


def routed(port: str, first: Any, **terms: object) -> Any:
    """The adapter of `port` over all of its providers, without any yet. first: sets what all have in common.  terms: of the pool."""
    return _resolved(_ROUTED[port])(first, **terms)


def found(port: str, url: str) -> Callable[..., Any]:
    """The function that opens adapters for `url`. Raises Misconfigured `unknown_adapter` or `adapter_not_installed`."""
    scheme = url.partition(":")[0]
    target = ADAPTERS[port].get(scheme)
    if target is None:
        known = ", ".join(f"{name}://" for name in ADAPTERS[port])
        raise Misconfigured(
            "unknown_adapter", f"{port}.url begins with {scheme}://; known are {known}", param=f"{port}.url"
        )
    try:
        return _resolved(target)
    except ImportError as error:
        if (error.name or "").startswith("voiceagent"):
            raise  # a mistake of ours, not a missing extra
        raise Misconfigured(
            "adapter_not_installed",
            f"{port}.url {scheme}:// needs a package that is not installed ({error.name}); see the extras in the README",
            param=f"{port}.url",
        ) from error


def _resolved(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]
