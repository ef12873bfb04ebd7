"""`voiceagent backup base|wal|recover`: PostgreSQL to any second."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from voiceagent.apps.backup import wal
from voiceagent.apps.backup.secrets import backup_keys
from voiceagent.apps.commands.backup.archives import DirOption, app, folder_of
from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import out, print_json, run
from voiceagent.kit.errors import InvalidInput

__all__ = ["app"]


@app.command(epilog="Example: `voiceagent backup base`, once a week, beside `voiceagent backup wal`")
def base(
    folder: DirOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the whole PostgreSQL server, encrypted, while it serves: from it `recover` goes to any later second."""
    settings = settled(loaded(config, sets, data_dir).settings)
    manifest = wal.base(settings, backup_keys(settings, make=True), folder_of(settings, folder))
    if as_json:
        print_json({"base": manifest.backup_id, "bytes": manifest.size_bytes})
    else:
        out.print(f"{manifest.backup_id}: {manifest.size_bytes / 2**20:.1f} MiB", markup=False)


@app.command("wal", epilog="Example: `voiceagent backup wal`, always, under a supervisor that starts it again")
def keep_wal(
    every_s: Annotated[float, typer.Option(min=0.1, help="Seconds of changes that may be lost.")] = 10.0,
    folder: DirOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Keep every change that the PostgreSQL server logs, encrypted, beside the backups. Runs until it is stopped."""
    settings = settled(loaded(config, sets, data_dir).settings)
    keeper = wal.WalKeeper(settings, backup_keys(settings, make=True), folder_of(settings, folder))
    run(keeper.keep(every_s))


@app.command(
    epilog="Example: `voiceagent backup recover --to NEW/data --at 2026-03-01T12:00:00Z`, then start PostgreSQL on it"
)
def recover(
    to: Annotated[Path, typer.Option(help="New folder for the server's data; who owns the folder above will own it.")],
    at: Annotated[str | None, typer.Option(help="Moment, with its offset.", show_default="the last one kept")] = None,
    folder: DirOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the data folder of a PostgreSQL server that, once started, is what the server was at a moment."""
    settings = settled(loaded(config, sets, data_dir).settings)
    moment = _moment(at)
    manifest = wal.recover(folder_of(settings, folder), backup_keys(settings, make=False), to, moment)
    if as_json:
        print_json({"base": manifest.backup_id, "to": str(to), "at": moment})
    else:
        out.print(f"start PostgreSQL on {to}: it goes on from {manifest.backup_id}", markup=False)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as failure:
        raise InvalidInput("bad_time", "a time is written as 2026-03-01T12:00:00Z", param="--at") from failure
    if moment.tzinfo is None:
        raise InvalidInput("bad_time", "a time carries its offset, such as Z", param="--at")
    return moment.astimezone(UTC)
