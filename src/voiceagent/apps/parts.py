"""The ports of one process: opened together, typed, closed in reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import structlog

from voiceagent import __version__
from voiceagent.adapters.cache.noted_writes import NotedWrites
from voiceagent.apps.build import opened, routed
from voiceagent.apps.custody.contexts import TlsContexts
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.keyring import service_keys
from voiceagent.apps.places import Places
from voiceagent.apps.privacy import private_part
from voiceagent.apps.routing.pair import ROUTED, pair
from voiceagent.apps.settings import Settings
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Kind, provider_of
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.tasks import TaskScope
from voiceagent.models.store import ModelStore
from voiceagent.ports.blobs import BlobStore
from voiceagent.ports.bus import Bus
from voiceagent.ports.cache import Cache
from voiceagent.ports.embed import Embedder
from voiceagent.ports.keys import Keys
from voiceagent.ports.llm import LanguageModel
from voiceagent.ports.rerank import Reranker
from voiceagent.ports.services import Documents, Engine
from voiceagent.ports.store import Store
from voiceagent.ports.tools import Tools
from voiceagent.ports.turns import EndOfTurn
from voiceagent.ports.vad import VoiceActivity
from voiceagent.ports.vectors import VectorStore
from voiceagent.web.app import AppOptions
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.repeats.joined import joined
from voiceagent.web.tokens import ServiceTokens

if TYPE_CHECKING:
    from voiceagent.adapters.providers.pool import Pool
    from voiceagent.adapters.providers.stt import RoutedStt
    from voiceagent.adapters.providers.tts import RoutedTts

CLOSE_S = 5.0
_log = structlog.get_logger(__name__)


class Parts:
    """What the composition roots build services from. A property raises KeyError when its port was not opened.

    pools: providers of speech and embeddings, by kind.  apart: every service runs in a process of its own. service_keys sign and check the calls between them.
    origins: where each setting that is not a default comes from.
    """

    def __init__(self, settings: Settings, *, apart: bool, origins: Mapping[str, str] | None = None) -> None:
        self.settings = settings
        self.origins = origins or {}
        self.apart = apart
        self.tls = TlsContexts(settings.tls)
        self.clock: Clock = SystemClock()
        self.models = ModelStore(settings.models.dir.expanduser())
        self._open: dict[str, Any] = {}
        self.pools: dict[Kind, Pool[Any]] = {}
        self._drains: list[Callable[[], Awaitable[None]]] = []
        self._background = TaskScope("background")
        self.places = Places(settings)

    @cached_property
    def service_keys(self) -> TokenKeys:
        """Raises Misconfigured `service_secret_missing` where services run apart; a command that calls none needs none."""
        return service_keys(self.settings, apart=self.apart)

    async def open(self, *ports: str) -> None:
        """Open these ports side by side, after the keys. Raises the first problem, after the others have ended."""
        if "keys" not in self._open:
            self._open["keys"] = await open_keys(self.settings, self.clock, make=not self.apart)
            if self.keys is None:
                _log.warning("not_encrypted", reason="keys.url is empty, or not set while services run apart")
        results = await asyncio.gather(*(self._opened(port) for port in ports), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise failures[0]

    async def _opened(self, port: str) -> None:
        if port == "tools" and not self.settings.tools.url:
            self._open["tools"] = None
            return
        if port in ROUTED:
            await self._open_pair(port)
            return
        url = self.settings.url(port)
        if port == "llm":
            await self._open_url(port, provider_of(url).url)
            if self.settings.llm.fallback_url:
                await self._open_url("llm_fallback", provider_of(self.settings.llm.fallback_url).url)
            return
        await self._open_url(port, url)

    async def _open_pair(self, port: str) -> None:
        """What hears, speaks or embeds by the settings, with a place for more providers beside it."""
        routed_port = None
        for provider in pair(self.settings, port):
            part = await self._open_url(f"{port}_{provider.name}", provider.url)
            if routed_port is None:
                policy = self.settings.routing.policy
                self._open[port] = routed_port = routed(port, part, clock=self.clock, policy=policy)
                self.pools[cast(Kind, port)] = routed_port.pool
            routed_port.pool.put(provider, part)
        if port == "embed" and self.settings.embed.previous_url:
            await self._open_url("embed_previous", self.settings.embed.previous_url)

    async def _open_url(self, name: str, url: str) -> Any:
        threads = self.settings.models.threads
        own = self._store_parts() if name == "store" else {}
        port = name.partition("_")[0]
        part = await opened(port, url, models=self.models, threads=threads, clock=self.clock, keys=self.keys, **own)
        self._open[name] = private_part(self.settings, port, url, part)
        return self._open[name]

    def _store_parts(self) -> dict[str, object]:
        store = self.settings.store
        recent = NotedWrites(lambda: cast("Cache | None", self._open.get("cache")), self.clock)
        lag: dict[str, object] = {"replica_lag_s": store.replica_lag_s, "recent": recent}
        return {"pool_size": store.pool_size, "replicas": store.replicas} | lag

    async def _remote(self, service: str) -> Any:
        tokens = ServiceTokens(self.service_keys)

        def token(principal: Principal) -> str:
            return tokens.issue(principal, service)

        urls = self.settings.service_urls(service)
        self._open[service] = await opened(
            service, urls[0], service_token=token, urls=urls, find=await self.places.find(), tls=self.tls.caller
        )
        return self._open[service]

    async def announce(self, service: str) -> None:
        """This process answers as `service` from now on."""
        if self.apart:
            await self.places.announce(service)

    async def retire(self) -> None:
        """This process is about to stop: be found no more, and wait until those who call have noticed. It still serves."""
        if self.apart:
            await self.places.withdraw()
            await asyncio.sleep(self.settings.server.retire_s)

    async def remote_engine(self) -> Engine:
        """The engine in another process, called in the name of whoever calls us."""
        return cast(Engine, await self._remote("engine"))

    async def remote_documents(self) -> Documents:
        """The document module in another process."""
        return cast(Documents, await self._remote("documents"))

    def app_options(self, cors_origins: tuple[str, ...] = ()) -> AppOptions:
        """What every server of this process has in common."""
        scrape_token = self.settings.server.scrape_token.get_secret_value() or None
        return AppOptions(version=__version__, cors_origins=cors_origins, scrape_token=scrape_token)

    def background(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` until the process ends; it is cancelled before any port is closed."""
        self._background.start(work, name=name)

    def adopt(self, name: str, part: object) -> None:
        """Close `part` with the ports of this process."""
        self._open[name] = part

    def at_drain(self, drain: Callable[[], Awaitable[None]]) -> None:
        """Have `drain` awaited when the process is about to stop, while everything still works. It bounds itself."""
        self._drains.append(drain)

    async def drain(self) -> None:
        """Let conversations and jobs under way come to their end."""
        await asyncio.gather(*(drain() for drain in self._drains))

    async def close(self) -> None:
        """End background work, then close what was opened, last first; a part that hangs is left behind after 5 s. Idempotent."""
        await self._background.close(within_s=CLOSE_S)
        await self.places.close()
        while self._open:
            name, part = self._open.popitem()
            close = getattr(part, "close", None)  # a detector of voice activity has nothing to give back
            if close is None:
                continue
            try:
                async with asyncio.timeout(CLOSE_S):
                    await close()
            except Exception as error:  # noqa: BLE001 - one part that fails to close must not keep the others open
                _log.warning("close_failed", part=name, error=type(error).__name__)

    @property
    def store(self) -> Store:
        return joined(cast(Store, self._open["store"]))

    @property
    def tools(self) -> Tools | None:
        """None when agents have no tools."""
        return cast("Tools | None", self._open["tools"])

    @property
    def keys(self) -> Keys | None:
        """None when nothing is encrypted."""
        return cast(Keys | None, self._open["keys"])

    @property
    def blobs(self) -> BlobStore:
        return cast(BlobStore, self._open["blobs"])

    @property
    def vectors(self) -> VectorStore:
        return cast(VectorStore, self._open["vectors"])

    @property
    def cache(self) -> Cache:
        return cast(Cache, self._open["cache"])

    @property
    def bus(self) -> Bus:
        return cast(Bus, self._open["bus"])

    @property
    def llms(self) -> tuple[LanguageModel, ...]:
        """The language model and, if there is one, its fall-back; behind pseudonyms where the settings want that."""
        return tuple(self._open[name] for name in ("llm", "llm_fallback") if name in self._open)

    @property
    def stt(self) -> RoutedStt:
        return cast("RoutedStt", self._open["stt"])

    @property
    def tts(self) -> RoutedTts:
        return cast("RoutedTts", self._open["tts"])

    @property
    def vad(self) -> VoiceActivity:
        return cast(VoiceActivity, self._open["vad"])

    @property
    def turns(self) -> EndOfTurn:
        return cast(EndOfTurn, self._open["turns"])

    @property
    def rerank(self) -> Reranker | None:
        """None when searches keep their order."""
        return cast(Reranker | None, self._open["rerank"])

    @property
    def embed(self) -> Embedder:
        return cast(Embedder, self._open["embed"])

    @property
    def embed_previous(self) -> Embedder | None:
        """None when no other model is being replaced."""
        return cast(Embedder | None, self._open.get("embed_previous"))
