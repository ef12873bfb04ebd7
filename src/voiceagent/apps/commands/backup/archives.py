"""`voiceagent backup`: make, check, list and restore backups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voiceagent.adapters.anchors.file import anchors_path, read_anchors
from voiceagent.apps.backup.check import is_late, verified
from voiceagent.apps.backup.create import create as made
from voiceagent.apps.backup.erasures import replayed
from voiceagent.apps.backup.manifest import Manifest
from voiceagent.apps.backup.restore import Restored, index_again, released
from voiceagent.apps.backup.restore import restore as filled
from voiceagent.apps.backup.secrets import backup_keys
from voiceagent.apps.backup.shelf import forget_destroyed, keep_newest, named, shelved
from voiceagent.apps.build import opened
from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import OK, REFUSED, err, listing, out, plain, print_json, run
from voiceagent.apps.commands.stores import check_installed, local_deed, with_store
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.custody.signing import audit_signer
from voiceagent.apps.custody.verification import verify as audit_verified
from voiceagent.apps.run import data_folder
from voiceagent.apps.settings import Settings
from voiceagent.domain.trail.check import Anchor
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Problem
from voiceagent.ports.outbound import hold
from voiceagent.ports.outbound import release as let_out
from voiceagent.ports.store import Store

app = typer.Typer(help="Backups: make, check, list, restore.", no_args_is_help=True)
DirOption = Annotated[
    Path | None, typer.Option("--dir", help="Folder of the backups.", show_default="the setting backup.dir")
]
NameArgument = Annotated[str | None, typer.Argument(help="Name of a backup, or its folder.", show_default="the newest")]


@app.command(epilog="Example: `voiceagent backup create --keep 14`, once a day, while everything is served")
def create(
    keep: Annotated[
        int | None, typer.Option(min=1, help="Whole backups that stay.", show_default="backup.keep")
    ] = None,
    folder: DirOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up database, objects, wrapped keys and configuration, read the backup again, and let the oldest go."""
    settings = settled(loaded(config, sets, data_dir).settings)
    run(check_installed(settings))
    keys, place = backup_keys(settings, make=True), folder_of(settings, folder)

    async def work() -> Manifest:
        manifest = await made(settings, keys, place)
        await verified(place / manifest.backup_id, keys)
        return manifest

    manifest = run(work())
    run(forget_destroyed(settings, place, keys))
    gone = keep_newest(place, keys, keep or settings.backup.keep)
    for name in manifest.missing:
        err.print(f"the object {name} is missing in the installation itself", markup=False)
    if as_json:
        print_json({"backup": manifest.backup_id, "folder": str(place / manifest.backup_id), "removed": gone}
                   | {"bytes": manifest.size_bytes, "missing": list(manifest.missing)})  # fmt: skip
    else:
        out.print(f"{manifest.backup_id}: {_size(manifest)}, checked; {len(gone)} older removed", markup=False)
        out.print("It opens with the backup key and the root key alone: keep copies of both elsewhere.", markup=False)


@app.command(epilog="Examples: `voiceagent backup verify`, `voiceagent backup verify bak_01k...`")
def verify(
    name: NameArgument = None,
    folder: DirOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Read every byte of a backup and compare it with its signed manifest. Exits with 4 when the newest one is too old."""
    settings = settled(loaded(config, sets, data_dir).settings)
    keys = backup_keys(settings, make=False)
    checked = run(verified(named(folder_of(settings, folder), name), keys))
    late = name is None and is_late(checked.manifest, SystemClock().now(), settings.backup.max_age_h)
    told = {"backup": checked.manifest.backup_id, "created_at": checked.manifest.created_at.isoformat(), "late": late}
    if as_json:
        print_json(told | {"good": True, "tenants": len(checked.manifest.tenants)})
    else:
        out.print(f"{checked.manifest.backup_id} is whole: {_size(checked.manifest)}", markup=False)
    if late:
        err.print(f"the newest backup is older than {settings.backup.max_age_h:g} hours")
    return REFUSED if late else OK


@app.command("list", epilog="Example: `voiceagent backup list --json`")
def list_(
    folder: DirOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the backups, oldest first. Exits with 4 when there is none that is young enough."""
    settings = settled(loaded(config, sets, data_dir).settings)
    found = shelved(folder_of(settings, folder), backup_keys(settings, make=False))
    whole = [one.manifest for one in found if one.manifest is not None]
    late = not whole or is_late(whole[-1], SystemClock().now(), settings.backup.max_age_h)
    if as_json:
        backups = [
            {"backup": one.folder.name, "problem": one.problem}
            | ({"created_at": one.manifest.created_at, "bytes": one.manifest.size_bytes} if one.manifest else {})
            for one in found
        ]
        print_json({"backups": backups, "late": late})
    else:
        _tell(found_rows=[(one.folder.name, one.manifest, one.problem) for one in found])
    if late:
        err.print(f"no whole backup is younger than {settings.backup.max_age_h:g} hours")
    return REFUSED if late else OK


@app.command(
    epilog="Example: `voiceagent backup restore bak_01k... --dir BACKUPS`, with backup.key and root.key in place"
)
def restore(
    name: NameArgument = None,
    folder: DirOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill an empty installation with a backup, compare the two, check the audit log. Documents are indexed again when the workers run."""
    settings = settled(loaded(config, sets, data_dir).settings)
    keys = backup_keys(settings, make=False)

    async def work() -> Restored:
        async with data_folder(settings.data.dir, "all"):
            backup = await verified(named(folder_of(settings, folder), name), keys)
            result = await filled(settings, backup)
            await _finished(settings, result, backup.manifest.backup_id)
            return result

    result = run(work())
    if as_json:
        print_json({"tenants": result.tenants, "rows": result.rows, "objects": result.objects, "seconds": result.seconds}
                   | {"to_index": sum(map(len, result.documents.values())), "erasures": result.erasures})  # fmt: skip
    else:
        out.print(
            f"{result.rows} rows and {result.objects} objects of {result.tenants} organisations are back, compared"
        )
        out.print("Tools reach nobody until you run `voiceagent backup release`.", markup=False)


@app.command(epilog="Example: `voiceagent backup release`, once the restored installation is the one that shall act")
def release(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Let a restored installation reach out again: agents' tools, and whatever calls other systems. Takes effect at once, without a restart."""
    settings = settled(loaded(config, sets, data_dir).settings)

    async def work(store: Store) -> bool:
        return await let_out(store, local_deed("outbound_released", "installation"))

    was_held = with_store(settings, work)
    if as_json:
        print_json({"released": was_held})
    else:
        out.print("Tools reach out again." if was_held else "Nothing was held back.")


async def _finished(settings: Settings, result: Restored, backup_id: str) -> None:
    """What comes between the data and its release: the audit log holds, erasures are done again, the index is ordered anew."""
    clock = SystemClock()
    keys = await open_keys(settings, clock, make=False)
    store: Store = await opened("store", settings.url("store"), clock=clock, keys=keys)
    try:
        bad = [report for report in await audit_verified(store, _anchors(settings)) if report.finding]
        if bad:
            raise Problem("restore_differs", f"the audit log of {bad[0].tenant_id} does not hold")
        await index_again(store, result, backup_id)
        result.erasures = await replayed(settings, store)
        await hold(store, because=backup_id, at=clock.now())
        released(settings)
    finally:
        await store.close()
        if keys is not None:
            await keys.close()


def _anchors(settings: Settings) -> tuple[Anchor, ...]:
    """None when there was nothing yet to anchor."""
    path = anchors_path(settings.url("anchors"))
    return tuple(read_anchors(path, audit_signer(settings).public_hex).anchors) if path.exists() else ()


def folder_of(settings: Settings, given: Path | None) -> Path:
    """The folder of the backups: the one given, or that of the settings."""
    return given or Path(settings.filled(settings.backup.dir)).expanduser()


def _size(manifest: Manifest) -> str:
    rows = sum(sum(one.rows.values()) for one in manifest.tenants.values())
    objects = sum(one.objects for one in manifest.tenants.values())
    return f"{manifest.size_bytes / 2**20:.1f} MiB, {rows} rows, {objects} objects"


def _tell(found_rows: list[tuple[str, Manifest | None, str | None]]) -> None:
    table = listing("backup", "made at", "holds")
    for name, manifest, problem in found_rows:
        made_at = manifest.created_at.isoformat(timespec="seconds") if manifest else ""
        table.add_row(plain(name), made_at, _size(manifest) if manifest else plain(problem or ""))
    out.print(table)
