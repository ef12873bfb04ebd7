"""`voiceagent encryption`: new keys for an organisation while it is served, and the end of an organisation's data by the end of its keys."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeVar, cast

import typer

from voiceagent.apps.build import opened
from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import out, print_json, run
from voiceagent.apps.commands.stores import check_installed, check_tenant
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.custody.rotation import rotate
from voiceagent.apps.custody.rotation import rotate_root as rotate_root_key
from voiceagent.apps.settings import Settings
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.domain.recording import RAW_FILE
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.crypto_envelope import WrappingKey
from voiceagent.kit.crypto_frames import opened_frames
from voiceagent.kit.errors import InvalidInput, Misconfigured
from voiceagent.kit.ids import new_id
from voiceagent.ports.keys import Keys, Rewrapped, RootKeys
from voiceagent.ports.store import Store
from voiceagent.ports.vectors import VectorStore

app = typer.Typer(help="Keys of what is encrypted at rest.", no_args_is_help=True)
TenantOption = Annotated[str, typer.Option("--tenant", help="Id of the tenant.")]
SUBJECT = "service:command_line"
T = TypeVar("T")
Places = tuple[Rewrapped, ...]
Use = Callable[[Store, Places, Keys], Awaitable[T]]


@app.command(
    "rotate", epilog="Example: `voiceagent encryption rotate`, any time, as often as the rules of the house want it"
)
def rotate_key(
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the organisation a new key and destroy the old one. Everything is served meanwhile; a run that was stopped goes on with the next."""

    async def use(store: Store, places: Places, keys: Keys) -> int:
        await check_tenant(store, tenant)
        await _note(store, tenant, "tenant_key_rotation_begun", None)
        count = await rotate(store, places, keys, tenant)
        await _note(store, tenant, "tenant_key_rotated", count)
        return count

    count = _with_keys(settled(loaded(config, sets, data_dir).settings), use)
    if as_json:
        print_json({"tenant": tenant, "rewrapped": count})
    else:
        out.print(f"{count} keys are under the new one; the old one is destroyed")


@app.command(
    "rotate-root", epilog="Example: `voiceagent encryption rotate-root --aside /media/safe/root-key-until-2026-11.txt`"
)
def rotate_root(
    aside: Annotated[
        Path,
        typer.Option(
            "--aside",
            help="New file for the old root key, which opens backups made before: keep it in a safe, or destroy it. "
            "With a root key in the environment: for the text that is to be set there.",
        ),
    ],
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the keys of all organisations under a new root key. Everything is served meanwhile; a run that was stopped goes on with the next."""

    _check_aside(aside)

    async def use(store: Store, _places: Places, keys: Keys) -> int | None:
        await _note(store, DEFAULT_TENANT_ID, "root_key_rotation_begun", None, "root")
        count = await rotate_root_key(store, cast(RootKeys, keys), aside)
        await _note(store, DEFAULT_TENANT_ID, "root_key_rotated", count, "root")
        return count

    count = _with_keys(settled(loaded(config, sets, data_dir).settings), use)
    if as_json:
        print_json({"rewrapped": count, "aside": str(aside)})
    elif count is None:
        out.print(f"set the root key to what is in {aside}, for every service, restart them, and run this again")
    else:
        out.print(
            f"all keys are under the new root key, {count} of them moved by this run; {aside} holds what to keep or to set"
        )


def _check_aside(path: Path) -> None:
    """Before anything is moved: it is written last. Raises InvalidInput `bad_file`."""
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidInput(
            "bad_file", f"{path} cannot be written: name a new file in a folder that is there", param="--aside"
        )


@app.command(epilog="Example: `voiceagent encryption destroy --tenant ten_old --yes ten_old`")
def destroy(
    tenant: Annotated[str, typer.Option("--tenant", help="Id of the tenant whose data ends.")],
    yes: Annotated[str, typer.Option("--yes", help="The id once more: this cannot be undone.")],
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy the keys of an organisation: what was encrypted under them cannot be read again. The next `backup create` takes them out of
    every backup of its folder, too; copies elsewhere go with the backup key."""
    if yes != tenant:
        raise InvalidInput("not_confirmed", "give --yes with the id of the tenant", param="--yes")

    async def use(store: Store, _places: Places, keys: Keys) -> int:
        await check_tenant(store, tenant)
        await _note(store, tenant, "tenant_keys_destroyed", None)  # before: afterwards nobody could say why all is gone
        return await keys.destroy(tenant)

    count = _with_keys(settled(loaded(config, sets, data_dir).settings), use)
    if as_json:
        print_json({"tenant": tenant, "destroyed": count})
    else:
        out.print(
            f"{count} keys of {tenant} are destroyed; run `voiceagent backup create` to take them out of older backups"
        )


@app.command(epilog="Example: `voiceagent encryption open-recording recordings/rec_01k... opened`")
def open_recording(
    recording: Annotated[Path, typer.Argument(help="Folder of the recording.")],
    to: Annotated[Path, typer.Argument(help="New folder for its files as they were before they were encrypted.")],
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decrypt a recording of a session into a folder of its own. That it was opened is written into the audit log."""

    async def use(store: Store, _places: Places, keys: Keys) -> list[str]:
        known = (await keys.of(tenant)).keys
        await _note(store, tenant, "recording_opened", None, recording.name)
        return _opened_files(recording, to, known, tenant)

    names = _with_keys(settled(loaded(config, sets, data_dir).settings), use)
    if as_json:
        print_json({"folder": str(to), "files": names})
    else:
        out.print(f"{to} holds {', '.join(names)}", markup=False)


def _opened_files(recording: Path, to: Path, keys: Mapping[str, WrappingKey], tenant: str) -> list[str]:
    if (recording / RAW_FILE).exists():
        raise InvalidInput("bad_recording", "its personal data is still to be bleeped", param="recording")
    try:
        files = {path.name: path.read_bytes() for path in sorted(recording.iterdir()) if path.is_file()}
        to.mkdir(mode=0o700)
        for name, data in files.items():
            (to / name).write_bytes(opened_frames(data, keys, name, "recording", tenant, recording.name))
    except OSError as error:
        raise InvalidInput("bad_recording", f"{error.filename}: {error.strerror}", param="recording") from error
    return list(files)


async def _note(store: Store, tenant: str, action: str, count: int | None, object_id: str | None = None) -> None:
    async with store.begin(tenant) as work:
        data: dict[str, str | int | float | bool | None] = {} if count is None else {"rewrapped": count}
        await work.audit.append(
            AuditEntry(new_id("aud"), SystemClock().now(), SUBJECT, action, object_id or tenant, data=data)
        )


def _with_keys(settings: Settings, use: Use[T]) -> T:
    async def work() -> T:
        await check_installed(settings)
        clock = SystemClock()
        keys = await open_keys(settings, clock, make=False)
        if keys is None:
            raise Misconfigured(
                "not_encrypted", "nothing is encrypted: keys.url is empty, or there is no root key", param="keys.url"
            )
        store: Store = await opened("store", settings.url("store"), clock=clock, keys=keys)
        blobs = await opened("blobs", settings.url("blobs"), clock=clock, keys=keys)
        vectors: VectorStore = await opened("vectors", settings.url("vectors"), clock=clock, keys=keys)
        try:
            await store.migrate()
            return await use(store, (blobs, vectors), keys)
        finally:
            await vectors.close()
            await blobs.close()
            await store.close()
            await keys.close()

    return run(work())
