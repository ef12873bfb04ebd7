"""Keeps the providers of a process as the store has them: every process sees a change within seconds, the one that makes it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog

from voiceagent.domain.conversation import Message
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.domain.provider import LOCAL_SCHEMES, Kind, Provider
from voiceagent.engine.routing.trials import first_result
from voiceagent.kit.calls.outbound import Outbound
from voiceagent.kit.errors import Conflict, InvalidInput, Misconfigured, NotFound, Problem
from voiceagent.kit.tasks import TaskScope
from voiceagent.kit.telemetry import gauge
from voiceagent.ports.store import Store

_log = structlog.get_logger(__name__)
_available = gauge(
    "voiceagent_llm_provider_available_ratio", "1 while calls go to a provider, 0 while it rests.", ("model",)
)
_others_available = gauge(
    "voiceagent_provider_available_ratio",
    "1 while calls go to a provider of speech or embeddings, 0 while it rests.",
    ("kind", "provider"),
)

OWNER_TENANT_ID = DEFAULT_TENANT_ID
"""Providers serve every organisation; the one that runs the platform keeps them."""
REFRESH_EVERY_S = 2.0
TEND_EVERY_S = 0.5
_SECRETS = ("key_env=", "key_file=")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a provider added at run time may be. local_models: files of this machine may be named.

    schemes: with which a URL may begin, by kind; a kind that is not there takes any.
    """

    outbound: Outbound
    local_models: bool = False
    schemes: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)


def check_provider(provider: Provider, rules: Rules) -> Provider:
    """The provider itself.

    Raises InvalidInput `bad_provider`, `unknown_scheme` or `address_refused`: its writer may choose a server, not read this machine.
    """
    if any(secret in provider.url for secret in _SECRETS):
        raise InvalidInput(
            "bad_provider", "give the key apart; key files and variables are the operator's", param="url"
        )
    if provider.url.startswith("scripted:") or (provider.local and not rules.local_models):
        raise InvalidInput(
            "bad_provider", "local models are named in the settings; see routing.local_models", param="url"
        )
    known = rules.schemes.get(provider.kind)
    if known is not None and urlsplit(provider.url).scheme not in known:
        offered = ", ".join(f"{one}://" for one in known if rules.local_models or one not in LOCAL_SCHEMES)
        message = f"a provider of kind {provider.kind} begins with one of {offered}"
        raise InvalidInput("unknown_scheme", message, param="url")
    if not provider.local:
        rules.outbound.check(provider.url)
    return provider


class Slot(Protocol):
    """A provider that is open in this process."""

    provider: Provider
    asleep: bool
    first_s: float | None
    last_code: str

    @property
    def capabilities(self) -> Any: ...
    @property
    def state(self) -> str: ...
    @property
    def running(self) -> int: ...
    @property
    def loaded(self) -> bool: ...
    @property
    def idle_s(self) -> float: ...

    def allows(self) -> bool:
        """Whether a call may go out now."""
        ...

    async def ready(self) -> bool:
        """Whether it would answer."""
        ...

    async def unload(self) -> bool:
        """Give its memory back; False when it cannot come back, or works."""
        ...

    async def load(self) -> Any:
        """Its adapter, opened again when it was unloaded."""
        ...

    async def warm(self, messages: tuple[Message, ...]) -> None:
        """Read what a conversation begins with, where that helps."""
        ...

    async def retire(self) -> None:
        """Close it once nobody uses it."""
        ...


class Target(Protocol):
    """Where the providers of one kind are asked: the router of language models, or a pool of another kind."""

    @property
    def slots(self) -> Mapping[str, Slot]: ...

    def check(self, provider: Provider, part: Any) -> None:
        """Raises Misconfigured when the adapter cannot stand beside those that are there."""
        ...

    def put(self, provider: Provider, part: Any, reopen: Any) -> Slot | None:
        """Add or replace; the one that was replaced."""
        ...

    def remove(self, name: str) -> Slot | None:
        """Ask it no more."""
        ...


OpenPart = Callable[[Provider], Awaitable[Any]]


class Registry:
    """targets: by the kinds that this process asks.  open_part: makes the adapter that a provider's URL picks; raises Problem.

    elsewhere: providers of the settings that only other processes ask.
    """

    def __init__(
        self,
        targets: Mapping[Kind, Target],
        store: Store,
        open_part: OpenPart,
        rules: Rules,
        elsewhere: Sequence[Provider] = (),
    ) -> None:
        self.targets = targets
        self.store = store
        self.failures: dict[str, str] = {}
        """Codes of providers that could not be opened, by name."""
        self.elsewhere = {one.name: one for one in elsewhere}
        self.open_part = open_part
        self._rules = rules
        self._retiring = TaskScope("providers")
        self._refreshing = asyncio.Lock()

    def check(self, provider: Provider) -> Provider:
        """As check_provider, by the rules of this registry."""
        return check_provider(provider, self._rules)

    def fixed(self, name: str) -> bool:
        """Whether the settings have a provider of that name, which nobody may change here."""
        slot = self.slots.get(name)
        return name in self.elsewhere or (slot is not None and not slot.provider.stored)

    @property
    def slots(self) -> dict[str, Slot]:
        """Every provider that is open in this process, by name."""
        return {name: slot for target in self.targets.values() for name, slot in target.slots.items()}

    def slot(self, name: str) -> Slot:
        """Raises NotFound `provider_not_found`."""
        slot = self.slots.get(name)
        if slot is None:
            raise NotFound("provider_not_found", "there is no such provider in this process", param="name")
        return slot

    async def try_out(self, provider: Provider) -> None:
        """Open the provider's adapter and close it again. Raises what opening raises, Conflict `provider_fixed`."""
        if self.fixed(provider.name):
            raise Conflict("provider_fixed", "a provider of that name stands in the settings", param="name")
        part = await self.open_part(self.check(provider))
        try:
            if provider.kind in self.targets:
                self.targets[provider.kind].check(provider, part)
        finally:
            await part.close()

    async def trial(self, provider: Provider, within_s: float) -> None:
        """One short call of a provider, past everything that chooses. Raises what it raises."""
        slot = self.slots.get(provider.name)
        if slot is not None:
            await first_result(provider.kind, slot if provider.kind == "llm" else await slot.load(), within_s)
            return
        part = await self.open_part(provider)
        try:
            await first_result(provider.kind, part, within_s)
        finally:
            await part.close()

    async def begin_fixed(self, fixed: Sequence[Provider]) -> None:
        """Open the providers of the settings that this process asks. Raises what opening one of them raises."""
        for provider in fixed:
            if provider.name in self.slots:
                raise Misconfigured("llm_roles", f"two providers of the settings have the name {provider.name}")
            if provider.kind in self.targets:
                self.targets[provider.kind].put(provider, await self.open_part(provider), self.open_part)

    async def begin(self, fixed: Sequence[Provider]) -> None:
        """Open the providers of the settings, then those of the store. Raises what opening one of the settings raises."""
        await self.begin_fixed(fixed)
        try:
            await self.refresh()
        except Problem as problem:  # `run` goes on trying
            _log.warning("providers_not_read", code=problem.code)

    async def refresh(self) -> None:
        """Take over what the store has now. Raises what the store raises."""
        async with self._refreshing:
            async with self.store.begin(OWNER_TENANT_ID, read_only=True) as work:
                wanted = {one.name: one for one in await work.routing.providers.all()}
            for kind, target in self.targets.items():
                for name, slot in list(target.slots.items()):
                    if slot.provider.stored and (name not in wanted or wanted[name].kind != kind):
                        self._retire(target.remove(name))
            self.failures = {name: code for name, code in self.failures.items() if name in wanted}
            for provider in wanted.values():
                if provider.kind in self.targets and not self.fixed(provider.name):
                    await self._take(self.targets[provider.kind], provider)

    async def _take(self, target: Target, provider: Provider) -> None:
        slot = target.slots.get(provider.name)
        if slot is not None and _same_place(slot.provider, provider):
            slot.provider = provider
            return
        try:
            part = await self.open_part(self.check(provider))
            try:
                before = target.put(provider, part, self.open_part)
            except Problem:
                await part.close()
                raise
        except Problem as problem:
            if self.failures.get(provider.name) != problem.code:
                _log.warning("provider_not_opened", provider=provider.name, code=problem.code)
            self.failures[provider.name] = problem.code
            return
        self.failures.pop(provider.name, None)
        self._retire(before)

    def _retire(self, slot: Slot | None) -> None:
        if slot is not None:
            self._retiring.start(slot.retire(), name=slot.provider.name)

    async def tend(self) -> None:
        """Ask those that failed whether they are ready, so that no caller must find out; unload what nobody uses."""
        await asyncio.gather(*(self._tend(slot) for slot in self.slots.values()))

    async def _tend(self, slot: Slot) -> None:
        if slot.state != "closed":
            slot.asleep = not await slot.ready()
        else:
            slot.asleep = False
        kind, name = slot.provider.kind, slot.provider.name
        told = _available.labels(name) if kind == "llm" else _others_available.labels(kind, name)
        told.set(1 if slot.allows() else 0)
        after_s = slot.provider.unload_after_s
        if slot.provider.local and 0 < after_s < slot.idle_s and await slot.unload():
            _log.info("model_unloaded", provider=slot.provider.name)

    async def run(self) -> None:
        """Follow the store until cancelled. While it does not answer, the providers stay as they are."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                tasks.create_task(self._watch())
        finally:
            await self._retiring.close()

    async def _follow(self) -> None:
        while True:
            try:
                await self.refresh()
            except Problem as problem:
                _log.warning("providers_not_read", code=problem.code)
            await asyncio.sleep(REFRESH_EVERY_S)

    async def _watch(self) -> None:
        while True:
            await self.tend()
            await asyncio.sleep(TEND_EVERY_S)


def _same_place(one: Provider, other: Provider) -> bool:
    """Whether only rules, prices or order differ: the connection and what is known of it stay."""
    return (one.url, one.api_key) == (other.url, other.api_key)
