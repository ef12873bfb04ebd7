"""`voiceagent init`: the first start of an installation whose services run apart; `up` does the same by itself."""

from __future__ import annotations

import typer

from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import out, print_json
from voiceagent.apps.commands.stores import with_store
from voiceagent.apps.first_start import Credentials, first_start
from voiceagent.apps.run import data_folder
from voiceagent.kit.clock import SystemClock
from voiceagent.ports.store import Store


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `voiceagent init --set store.url=postgresql://voiceagent@db/voiceagent`")(init)


def init(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Bring the store to this version and, when it is empty, create the organisation, its owner and a key, shown once. Safe to repeat."""
    settings = settled(loaded(config, sets, data_dir).settings)

    async def first(store: Store) -> Credentials | None:
        async with data_folder(settings.data.dir, "init") as folder:  # first: what is shown once must not be lost
            return await first_start(store, email=settings.identity.owner_email, data_dir=folder, clock=SystemClock())

    made = with_store(settings, first, begins=True)
    if as_json:
        shown = {"email": made.email, "password": made.password, "api_key": made.api_key} if made else {}
        print_json({"created": made is not None} | shown)
    elif made is None:
        out.print("the store is of this version, and has its owner")
    else:
        out.print("shown once, keep them:")
        out.print(f"  sign-in   {made.email}   password {made.password}", markup=False)
        out.print(f"  API key   {made.api_key}", markup=False)
