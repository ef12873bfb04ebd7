"""`voiceagent migrate`: the store's schema."""

from __future__ import annotations

import typer

from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import out, print_json
from voiceagent.apps.commands.stores import with_store
from voiceagent.ports.store import Store


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `voiceagent migrate --data-dir /srv/voiceagent`")(migrate)


def migrate(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Bring the store's schema to this version. `up` and `serve` do it by themselves; safe to repeat."""

    async def nothing(_: Store) -> None:
        """Opening has migrated it."""

    with_store(settled(loaded(config, sets, data_dir).settings), nothing, begins=True)
    if as_json:
        print_json({"migrated": True})
    else:
        out.print("the store is of this version")
