"""Keeps the router's providers as the store has them: every engine sees a change within seconds, the one that makes it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.domain.provider import Provider
from voiceagent.engine.routing.router import Router
from voiceagent.engine.routing.slot import OpenModel, Slot
from voiceagent.kit.calls.outbound import Outbound
from voiceagent.kit.errors import Conflict, InvalidInput, Misconfigured, NotFound, Problem
from voiceagent.kit.tasks import TaskScope
from voiceagent.kit.telemetry import gauge
from voiceagent.ports.store import Store

_log = structlog.get_logger(__name__)
_available = gauge(
    "voiceagent_llm_provider_available_ratio", "1 while calls go to a provider, 0 while it rests.", ("model",)
)

OWNER_TENANT_ID = DEFAULT_TENANT_ID
"""Providers serve every organisation; the one that runs the platform keeps them."""
REFRESH_EVERY_S = 2.0
TEND_EVERY_S = 0.5
_SECRETS = ("key_env=", "key_file=")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a provider added at run time may be. local_models: files of this machine may be named."""

    outbound: Outbound
    local_models: bool = False


def check_provider(provider: Provider, rules: Rules) -> Provider:
    """The provider itself. Raises InvalidInput `bad_provider` or `address_refused`: its writer may choose a server, not read this machine."""
    if any(secret in provider.url for secret in _SECRETS):
        raise InvalidInput(
            "bad_provider", "give the key apart; key files and variables are the operator's", param="url"
        )
    if provider.url.startswith("scripted:") or (provider.local and not rules.local_models):
        raise InvalidInput(
            "bad_provider", "local models are named in the settings; see routing.local_models", param="url"
        )
    if not provider.local:
        rules.outbound.check(provider.url)
    return provider


class Registry:
    """open_model: makes the adapter that a provider's URL picks. Raises Problem when it cannot."""

    def __init__(self, router: Router, store: Store, open_model: OpenModel, rules: Rules) -> None:
        self.router = router
        self.store = store
        self.failures: dict[str, str] = {}
        """Codes of providers that could not be opened, by name."""
        self._open = open_model
        self._rules = rules
        self._retiring = TaskScope("providers")
        self._refreshing = asyncio.Lock()

    def check(self, provider: Provider) -> Provider:
        """As check_provider, by the rules of this registry."""
        return check_provider(provider, self._rules)

    def fixed(self, name: str) -> bool:
        """Whether the settings have a provider of that name, which nobody may change here."""
        slot = self.router.slots.get(name)
        return slot is not None and not slot.provider.stored

    def slot(self, name: str) -> Slot:
        """Raises NotFound `provider_not_found`."""
        slot = self.router.slots.get(name)
        if slot is None:
            raise NotFound("provider_not_found", "there is no such provider", param="name")
        return slot

    async def try_out(self, provider: Provider) -> None:
        """Open the provider's adapter and close it again. Raises what opening raises, Conflict `provider_fixed`."""
        if self.fixed(provider.name):
            raise Conflict("provider_fixed", "a provider of that name stands in the settings", param="name")
        model = await self._open(self.check(provider))
        await model.close()

    async def begin(self, fixed: Sequence[Provider]) -> None:
        """Open the providers of the settings, then those of the store. Raises what opening one of the settings raises."""
        for provider in fixed:
            if provider.name in self.router.slots:
                raise Misconfigured("llm_roles", f"two providers of the settings have the name {provider.name}")
            self.router.put(provider, await self._open(provider), self._open)
        try:
            await self.refresh()
        except Problem as problem:  # `run` goes on trying
            _log.warning("providers_not_read", code=problem.code)

    async def refresh(self) -> None:
        """Take over what the store has now. Raises what the store raises."""
        async with self._refreshing:
            async with self.store.begin(OWNER_TENANT_ID, read_only=True) as work:
                wanted = {one.name: one for one in await work.routing.providers.all()}
            for name, slot in list(self.router.slots.items()):
                if slot.provider.stored and name not in wanted:
                    self._retire(self.router.remove(name))
            self.failures = {name: code for name, code in self.failures.items() if name in wanted}
            for provider in wanted.values():
                if not self.fixed(provider.name):
                    await self._take(provider)

    async def _take(self, provider: Provider) -> None:
        slot = self.router.slots.get(provider.name)
        if slot is not None and _same_place(slot.provider, provider):
            slot.provider = provider
            return
        try:
            model = await self._open(self.check(provider))
        except Problem as problem:
            if self.failures.get(provider.name) != problem.code:
                _log.warning("provider_not_opened", provider=provider.name, code=problem.code)
            self.failures[provider.name] = problem.code
            return
        self.failures.pop(provider.name, None)
        self._retire(self.router.put(provider, model, self._open))

    def _retire(self, slot: Slot | None) -> None:
        if slot is not None:
            self._retiring.start(slot.retire(), name=slot.provider.name)

    async def tend(self) -> None:
        """Ask those that failed whether they are ready, so that no caller must find out; unload what nobody uses."""
        await asyncio.gather(*(self._tend(slot) for slot in list(self.router.slots.values())))

    async def _tend(self, slot: Slot) -> None:
        if slot.state != "closed":
            slot.asleep = not await slot.ready()
        else:
            slot.asleep = False
        _available.labels(slot.provider.name).set(1 if slot.allows() else 0)
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
