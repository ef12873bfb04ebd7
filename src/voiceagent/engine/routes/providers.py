"""/api/v1/providers: models of language, speech and embeddings, added, changed, tried and removed while the platform runs. For who runs it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from voiceagent.domain.conversation import Message
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import KINDS, Kind, Provider, checked, default_roles
from voiceagent.engine.routing.registry import OWNER_TENANT_ID, Registry, Slot
from voiceagent.kit.errors import Conflict, Forbidden, InvalidInput, Misconfigured, NotFound, Problem
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.deeds import deed
from voiceagent.web.repeats.once import once

Reader = Annotated[Principal, Depends(require("settings:read"))]
Writer = Annotated[Principal, Depends(require("settings:write"))]
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=100)]
_TEST_S = 10.0
_TOLD = ("context_tokens", "tools", "languages", "words", "voices", "rate_hz", "dimensions")
_LOAD_S = 60.0


class ProviderSettings(BaseModel):
    """A provider as an administrator writes it. url: as in the settings, without its key, which is never shown again.

    api_key: left out of a change, the one that is stored stays while the URL does.
    """

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2000)
    api_key: SecretStr | None = Field(None, max_length=2000)
    roles: Words | None = Field(None, description="Of a language model; `chat` unless told.")
    tenants: Words = Field(default_factory=list)
    agents: Words = Field(default_factory=list)
    languages: Words = Field(default_factory=list)
    priority: int = Field(100, ge=0, le=1_000_000)
    price_in: float = Field(
        0.0,
        ge=0,
        le=1_000_000,
        description="US dollars per million tokens of prompt (llm, embed), per hour of sound (stt), per million characters (tts).",
    )
    price_out: float = Field(0.0, ge=0, le=1_000_000, description="US dollars per million tokens of answer.")
    concurrency: int = Field(0, ge=0, le=1_000_000)
    patience_s: float = Field(1.5, ge=0, le=60)
    unload_after_s: float = Field(0.0, ge=0, le=1_000_000)
    enabled: bool = True


class NewProvider(ProviderSettings):
    """One that is not there yet. kind: llm, stt (speech recognition), tts (speech out) or embed (embeddings); it never changes."""

    name: str = Field(min_length=1, max_length=200)
    kind: Kind = "llm"


class Abilities(BaseModel):
    """What the model can do, where its kind can: null is said of what does not concern it. vision: nothing here sends pictures yet."""

    model: str
    local: bool
    concurrency: int
    context_tokens: int | None = None
    tools: bool | None = None
    streaming: bool | None = None
    vision: bool | None = None
    languages: list[str] | None = None
    words: bool | None = None
    voices: list[str] | None = None
    rate_hz: int | None = None
    dimensions: int | None = None


class ProviderView(BaseModel):
    """A provider and how it does at the engine that answers.

    state: closed (calls go out), open (it rests), half_open, failed (could not be opened), elsewhere (other processes ask it).
    first_token_ms: to the first token, words, sound or vectors.
    """

    name: str
    kind: Kind
    url: str
    source: str
    has_key: bool
    roles: list[str]
    tenants: list[str]
    agents: list[str]
    languages: list[str]
    priority: int
    price_in: float
    price_out: float
    concurrency: int
    patience_s: float
    unload_after_s: float
    enabled: bool
    capabilities: Abilities | None
    state: str
    loaded: bool
    running: int
    first_token_ms: float | None
    last_code: str


class ProviderList(BaseModel):
    """Every provider by its kind, in the order in which they are tried."""

    providers: list[ProviderView]


class Tried(BaseModel):
    """How a test question went. code: why it did not."""

    well: bool
    first_token_ms: float | None = None
    code: str = ""


def provider_routes(registry: Registry) -> Router:
    """Who serves which models."""
    router = Router(prefix="/api/v1/providers")
    _add_reading(router, registry)
    _add_changes(router, registry)
    _add_deeds(router, registry)
    return router


def _add_reading(router: Router, registry: Registry) -> None:

    @router.get("")
    async def list_providers(caller: Reader) -> ProviderList:
        _only_operators(caller)
        return ProviderList(providers=await _all(registry))


def _add_changes(router: Router, registry: Registry) -> None:
    store = registry.store

    @router.post("", status_code=201)
    @once()
    async def add_provider(given: NewProvider, request: Request, caller: Writer) -> ProviderView:
        _only_operators(caller)
        provider = _provider(given.name, given.kind, given, "")
        await _try_out(registry, provider)
        async with store.begin(OWNER_TENANT_ID) as work:
            if any(one.name == provider.name for one in await work.routing.providers.all()):
                raise Conflict("provider_exists", "there is a provider of that name", param="name")
            await work.routing.providers.put(provider)
            await work.audit.append(deed(request, "provider_added", provider.name, **_told(provider)))
        await registry.refresh()
        return _view(registry, provider)

    @router.put("/{name:path}")
    async def replace_provider(name: str, given: ProviderSettings, request: Request, caller: Writer) -> ProviderView:
        _only_operators(caller)
        before = await _stored(registry, name)
        kind = before.kind if before is not None else "llm"
        if before is None and not registry.fixed(name):
            raise NotFound("provider_not_found", "there is no such provider", param="name")
        kept = before.api_key if before is not None and _place(before.url) == _place(given.url) else ""
        provider = _provider(name, kind, given, kept)
        await _try_out(registry, provider)
        async with store.begin(OWNER_TENANT_ID) as work:
            await work.routing.providers.get(name)
            await work.routing.providers.put(provider)
            await work.audit.append(deed(request, "provider_changed", name, **_told(provider)))
        await registry.refresh()
        return _view(registry, provider)

    @router.delete("/{name:path}", status_code=204)
    async def remove_provider(name: str, request: Request, caller: Writer) -> None:
        _only_operators(caller)
        if registry.fixed(name):
            raise Conflict("provider_fixed", "a provider of that name stands in the settings", param="name")
        async with store.begin(OWNER_TENANT_ID) as work:
            if not await work.routing.providers.delete(name):
                raise NotFound("provider_not_found", "there is no such provider", param="name")
            await work.audit.append(deed(request, "provider_removed", name))
        await registry.refresh()


def _add_deeds(router: Router, registry: Registry) -> None:
    @router.post("/{name:path}/test")
    async def test_provider(name: str, caller: Writer) -> Tried:
        _only_operators(caller)
        return await _tried(registry, await _known(registry, name))

    @router.post("/{name:path}/load")
    async def load_provider(name: str, request: Request, caller: Writer) -> ProviderView:
        _only_operators(caller)
        slot = registry.slot(name)
        await _note(registry, request, "provider_loaded", name)
        async with asyncio.timeout(_LOAD_S):
            await slot.load()
            await slot.warm((Message("user", "Hello"),))
        return _view(registry, slot.provider)

    @router.post("/{name:path}/unload")
    async def unload_provider(name: str, request: Request, caller: Writer) -> ProviderView:
        _only_operators(caller)
        slot = registry.slot(name)
        await _note(registry, request, "provider_unloaded", name)
        if not await slot.unload() and slot.loaded:
            raise Conflict("provider_busy", "the model is answering now, or cannot be loaded again")
        return _view(registry, slot.provider)


def _only_operators(caller: Principal) -> None:
    if caller.tenant_id != OWNER_TENANT_ID:
        raise Forbidden("operators_only", "Providers are kept by the organisation that runs the platform.")


async def _note(registry: Registry, request: Request, action: str, name: str) -> None:
    async with registry.store.begin(OWNER_TENANT_ID) as work:
        await work.audit.append(deed(request, action, name))


async def _stored(registry: Registry, name: str) -> Provider | None:
    async with registry.store.begin(OWNER_TENANT_ID, read_only=True) as work:
        return next((one for one in await work.routing.providers.all() if one.name == name), None)


async def _all(registry: Registry) -> list[ProviderView]:
    async with registry.store.begin(OWNER_TENANT_ID, read_only=True) as work:
        stored = await work.routing.providers.all()
    providers = registry.elsewhere | {name: slot.provider for name, slot in registry.slots.items()}
    providers |= {one.name: one for one in stored if not registry.fixed(one.name)}
    ordered = sorted(providers.values(), key=lambda one: (KINDS.index(one.kind), one.priority))
    return [_view(registry, one) for one in ordered]


async def _try_out(registry: Registry, provider: Provider) -> None:
    """A URL that no adapter takes is the caller's mistake here, not the operator's."""
    try:
        await registry.try_out(provider)
    except Misconfigured as problem:
        raise InvalidInput("bad_provider", problem.message, param="url") from problem


def _provider(name: str, kind: Kind, given: ProviderSettings, key: str) -> Provider:
    key = key if given.api_key is None else given.api_key.get_secret_value()
    fields = given.model_dump(exclude={"name", "kind", "api_key"})
    fields["roles"] = list(default_roles(kind)) if given.roles is None else given.roles
    lists = {field: tuple(value) for field, value in fields.items() if isinstance(value, list)}
    return checked(Provider(name=name, kind=kind, api_key=key, stored=True, **fields | lists))


def _place(url: str) -> str:
    """Where the key goes: another host must be given it anew."""
    return url.partition("?")[0]


def _told(provider: Provider) -> dict[str, str | int | bool | None]:
    """What the audit log keeps: enough to see where prompts went, never the key."""
    return {
        "url": provider.url,
        "roles": ",".join(provider.roles),
        "enabled": provider.enabled,
        "has_key": bool(provider.api_key),
    }


def _view(registry: Registry, provider: Provider) -> ProviderView:
    slot = registry.slots.get(provider.name)
    plain: dict[str, Any] = dataclasses.asdict(provider)
    for hidden in ("api_key", "stored"):
        del plain[hidden]
    first_s = slot.first_s if slot else None
    return ProviderView(
        **plain,
        source="store" if provider.stored else "settings",
        has_key=bool(provider.api_key),
        capabilities=_abilities(slot) if slot else None,
        state=slot.state if slot else "failed" if provider.kind in registry.targets else "elsewhere",
        loaded=slot.loaded if slot else False,
        running=slot.running if slot else 0,
        first_token_ms=None if first_s is None else round(first_s * 1000, 1),
        last_code=slot.last_code if slot else registry.failures.get(provider.name, ""),
    )


def _abilities(slot: Slot) -> Abilities:
    known = slot.capabilities
    return Abilities(
        model=known.model,
        local=getattr(known, "local", slot.provider.local),
        concurrency=slot.provider.concurrency or getattr(known, "concurrency", 0),
        streaming=True if slot.provider.kind == "llm" else None,
        vision=False if slot.provider.kind == "llm" else None,
        **{name: getattr(known, name) for name in _TOLD if hasattr(known, name)},
    )


async def _known(registry: Registry, name: str) -> Provider:
    """The provider of that name, here or elsewhere. Raises NotFound `provider_not_found`."""
    here = registry.slots.get(name)
    found = here.provider if here is not None else registry.elsewhere.get(name) or await _stored(registry, name)
    if found is None:
        raise NotFound("provider_not_found", "there is no such provider", param="name")
    return found


async def _tried(registry: Registry, provider: Provider) -> Tried:
    """One short call, past everything that chooses: also of a provider that rests."""
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(_TEST_S + 1):
            await registry.trial(provider, _TEST_S)
    except TimeoutError:
        return Tried(well=False, code="provider_deadline")
    except Problem as problem:
        return Tried(well=False, code=problem.code)
    return Tried(well=True, first_token_ms=round((time.monotonic() - begun_s) * 1000, 1))
