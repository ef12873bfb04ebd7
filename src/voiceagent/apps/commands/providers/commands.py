"""`voiceagent providers`: models of language, speech and embeddings, listed, added, removed and tried in the store itself; running
processes follow within seconds."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from typing import Annotated, Any

import typer

from voiceagent.adapters.providers.embed import same_model
from voiceagent.apps.build import found, opened
from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import OK, REFUSED, listing, out, plain, print_json
from voiceagent.apps.commands.stores import local_deed, with_store
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.routing.compose import llm_urls
from voiceagent.apps.routing.follow import fixed_providers, rules
from voiceagent.apps.routing.pair import ROUTED, pair
from voiceagent.apps.settings import Settings
from voiceagent.domain.provider import KINDS, Provider, provider_of
from voiceagent.engine.routing.registry import OWNER_TENANT_ID, check_provider
from voiceagent.engine.routing.trials import first_result
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Conflict, InvalidInput, Misconfigured, NotFound, Problem
from voiceagent.models.store import ModelStore
from voiceagent.ports.store import Store

app = typer.Typer(
    help="List, add, remove and try providers of language models, speech and embeddings.", no_args_is_help=True
)
NameArgument = Annotated[str, typer.Argument(help="The provider's name.")]
_TEST_S = 30.0


@app.command("list", epilog="Example: `voiceagent providers list --json`")
def list_providers(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """List the providers of the settings and of the store, in the order in which they are tried."""
    providers = _all(settled(loaded(config, sets, data_dir).settings))
    if as_json:
        print_json([_told(one) for one in providers])
        return
    table = listing("name", "kind", "where", "roles", "priority", "$/M in", "$/M out", "from")
    for one in providers:
        table.add_row(
            plain(one.name),
            one.kind,
            plain(one.url),
            " ".join(one.roles),
            str(one.priority),
            f"{one.price_in:g}",
            f"{one.price_out:g}",
            ("store" if one.stored else "settings") + ("" if one.enabled else ", off"),
        )
    out.print(table)


@app.command(
    epilog="Example: `voiceagent providers add 'openai+https://api.openai.com/v1?model=NAME&tools=1&price_in=0.4&price_out=1.6' "
    "--key-env OPENAI_API_KEY`"
)
def add(
    url: Annotated[
        str,
        typer.Argument(
            help="The adapter's URL; may also say name, role, priority, price_in, price_out, tenant, language."
        ),
    ],
    kind: Annotated[str, typer.Option(help="llm, stt, tts or embed.")] = "llm",
    key_env: Annotated[str, typer.Option(help="Variable that holds the API key now; it is stored sealed.")] = "",
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a provider; running processes use it within seconds."""
    settings = settled(loaded(config, sets, data_dir).settings)
    key = os.environ.get(key_env, "").strip() if key_env else ""
    if key_env and not key:
        raise InvalidInput("bad_flag", f"--key-env {key_env}: the variable is not set, or empty", param="--key-env")
    provider = replace(provider_of(url, kind=kind, stored=True), api_key=key)
    found(provider.kind, provider.url)  # an unknown kind of address is no address that is refused
    check_provider(provider, rules(settings))

    async def added(store: Store) -> None:
        if key and settings.keys.url and await open_keys(settings, SystemClock(), make=False) is None:
            raise Misconfigured("keys_needed", "there is no root key to seal the API key with: start the platform once")
        await _try_out(settings, provider)
        async with store.begin(OWNER_TENANT_ID) as work:
            if any(one.name == provider.name for one in await work.routing.providers.all()):
                raise Conflict("provider_exists", "there is a provider of that name", param="name")
            await work.routing.providers.put(provider)
            await work.audit.append(
                local_deed("provider_added", provider.name, url=provider.url, has_key=bool(provider.api_key))
            )

    with_store(settings, added, begins=True)
    print_json(_told(provider)) if as_json else out.print(f"{provider.name} is a provider now", markup=False)


@app.command(epilog="Example: `voiceagent providers remove gpt`")
def remove(
    name: NameArgument,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a provider; answers under way come to their end."""

    async def removed(store: Store) -> None:
        async with store.begin(OWNER_TENANT_ID) as work:
            if not await work.routing.providers.delete(name):
                raise NotFound("provider_not_found", "there is no such provider in the store", param="name")
            await work.audit.append(local_deed("provider_removed", name))

    with_store(settled(loaded(config, sets, data_dir).settings), removed)
    print_json({"removed": name}) if as_json else out.print(f"{name} is removed", markup=False)


@app.command(epilog="Example: `voiceagent providers test gpt`")
def test(
    name: NameArgument,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Ask a provider one short thing from this machine. Exits with 4 when it does not answer."""
    settings = settled(loaded(config, sets, data_dir).settings)
    provider = next((one for one in _all(settings) if one.name == name), None)
    if provider is None:
        raise NotFound("provider_not_found", "there is no such provider", param="name")

    async def asked(_: Store) -> tuple[float | None, str]:
        return await _first_token(settings, provider)

    first_ms, code = with_store(settings, asked)
    if as_json:
        print_json({"name": name, "well": not code, "first_token_ms": first_ms, "code": code})
    else:
        out.print(f"{name}: {code or f'first result after {first_ms:.0f} ms'}", markup=False)
    return REFUSED if code else OK


def _all(settings: Settings) -> list[Provider]:
    async def read(store: Store) -> tuple[Provider, ...]:
        async with store.begin(OWNER_TENANT_ID, read_only=True) as work:
            return await work.routing.providers.all()

    fixed = [replace(provider_of(url), priority=10 + position) for position, url in enumerate(llm_urls(settings))]
    fixed += [one for kind in ROUTED for one in pair(settings, kind)]
    providers = [*fixed, *fixed_providers(settings), *with_store(settings, read)]
    return sorted(providers, key=lambda one: (KINDS.index(one.kind), one.priority))


async def _opened(settings: Settings, provider: Provider) -> Any:
    return await opened(
        provider.kind,
        provider.url,
        models=ModelStore(settings.models.dir.expanduser()),
        api_key=provider.api_key if provider.stored or provider.kind == "llm" else None,
        outbound=rules(settings).outbound if provider.stored else None,
        clock=SystemClock(),
    )


async def _try_out(settings: Settings, provider: Provider) -> None:
    """Open the adapter and close it again; of an embedding model, look whether it is the one that the settings name."""
    part = await _opened(settings, provider)
    try:
        if provider.kind == "embed":
            ours = await _opened(settings, pair(settings, "embed")[0])
            try:
                same_model([ours], part)
            finally:
                await ours.close()
    finally:
        await part.close()


async def _first_token(settings: Settings, provider: Provider) -> tuple[float | None, str]:
    """Milliseconds to the first word, sound or vector, or the code of why there was none."""
    begun_s = time.monotonic()
    try:
        part = await _opened(settings, provider)
        try:
            async with asyncio.timeout(_TEST_S + 1):
                await first_result(provider.kind, part, _TEST_S)
        finally:
            await part.close()
    except TimeoutError:
        return None, "provider_deadline"
    except Problem as problem:
        return None, problem.code
    return round((time.monotonic() - begun_s) * 1000, 1), ""


def _told(provider: Provider) -> dict[str, object]:
    return {
        "name": provider.name,
        "kind": provider.kind,
        "url": provider.url,
        "roles": list(provider.roles),
        "priority": provider.priority,
        "price_in": provider.price_in,
        "price_out": provider.price_out,
        "enabled": provider.enabled,
        "source": "store" if provider.stored else "settings",
        "has_key": bool(provider.api_key),
    }
