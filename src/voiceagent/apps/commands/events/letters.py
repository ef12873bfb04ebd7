"""`voiceagent events`: what waits to be published, and the dead letters of a group of consumers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from voiceagent.apps.build import opened
from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import listing, out, plain, print_json, run
from voiceagent.apps.commands.stores import check_installed, with_store
from voiceagent.apps.events.courier import NOTICES
from voiceagent.apps.settings import Settings
from voiceagent.ports.eventlog import Delivery, EventLog
from voiceagent.ports.store import Store

app = typer.Typer(help="Events that must not be lost.", no_args_is_help=True)
GroupOption = Annotated[str, typer.Option("--group", help="Group of consumers.")]
MOST = 1_000
T = TypeVar("T")


@app.command(epilog="Example: `voiceagent events dead --json`")
def dead(
    group: GroupOption = NOTICES,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the events that a group could not handle, and how many wait to be published."""
    settings = settled(loaded(config, sets, data_dir).settings)

    async def depth(store: Store) -> int:
        return await store.relay.depth()

    waiting = with_store(settings, depth)
    letters = _with_log(settings, lambda log: log.dead(group, MOST))
    if as_json:
        print_json({"waiting": waiting, "dead": [_shown(one) for one in letters]})
        return
    table = listing("mark", "at", "what", "about", "organisation")
    for one in letters:
        event = one.event
        table.add_row(
            *map(plain, (one.mark, event.at.isoformat("T", "seconds"), event.kind, event.subject_id, event.tenant_id))
        )
    out.print(table)
    out.print(f"{len(letters)} dead letters of {group}; {waiting} events wait to be published", markup=False)


@app.command(epilog="Example: `voiceagent events revive 1764000000000-0`")
def revive(
    marks: Annotated[list[str], typer.Argument(help="Marks that `voiceagent events dead` showed.")],
    group: GroupOption = NOTICES,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hand dead letters out again."""
    settings = settled(loaded(config, sets, data_dir).settings)
    count = _with_log(settings, lambda log: log.revive(group, tuple(marks)))
    if as_json:
        print_json({"revived": count})
    else:
        out.print(f"{count} events are handed out again")


def _with_log(settings: Settings, use: Callable[[EventLog], Awaitable[T]]) -> T:
    async def work() -> T:
        await check_installed(settings)
        log: EventLog = await opened("eventlog", settings.url("bus"))
        try:
            return await use(log)
        finally:
            await log.close()

    return run(work())


def _shown(letter: Delivery) -> dict[str, object]:
    event = letter.event
    return {"mark": letter.mark, "at": event.at, "kind": event.kind, "subject_id": event.subject_id} | {
        "tenant_id": event.tenant_id,
        "data": event.data,
    }
