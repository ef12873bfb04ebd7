"""The command line: gathers the command groups and turns problems into one line and an exit code."""

from __future__ import annotations

import os
import sys

import structlog
import typer
from typer.exceptions import TyperException

from voiceagent.apps.commands import (
    admin,
    ask,
    audit,
    config,
    docs,
    doctor,
    encryption,
    init,
    keys,
    models,
    rights,
    start,
    talk,
    users,
)
from voiceagent.apps.commands.backup import server as backup
from voiceagent.apps.commands.custody import tls
from voiceagent.apps.commands.events import letters
from voiceagent.apps.commands.outcome import (
    EXIT_CODES,
    INTERRUPTED,
    OK,
    UNEXPECTED,
    USAGE,
    err,
    exit_code,
    tell_problem,
)
from voiceagent.apps.routing import commands as providers
from voiceagent.kit.errors import Problem
from voiceagent.kit.log import configure_logging

app = typer.Typer(
    name="voiceagent",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="People talk, in real time, with an AI agent that knows their documents.",
    epilog=EXIT_CODES,
)
for _group in (start, init, ask, talk, doctor, admin):
    _group.register(app)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(providers.app, name="providers")
app.add_typer(config.app, name="config")
app.add_typer(docs.app, name="docs")
app.add_typer(audit.app, name="audit")
app.add_typer(encryption.app, name="encryption")
app.add_typer(backup.app, name="backup")
app.add_typer(letters.app, name="events")
app.add_typer(rights.app, name="privacy")
app.add_typer(tls.app, name="tls")


def main() -> None:
    """Run the command of this process and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of the command with these arguments."""
    as_json = "--json" in arguments
    configure_logging(level="warning", format="console")  # until a command has read the settings
    try:
        result = app(arguments, prog_name="voiceagent", standalone_mode=False)
        return result if isinstance(result, int) else OK
    except Problem as problem:
        tell_problem(problem, as_json=as_json)
        return exit_code(problem)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except TyperException as error:
        err.print(f"voiceagent: {error.format_message()} See voiceagent --help.", style="red", markup=False)
        return USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has gone
        return OK
    except Exception as error:  # noqa: BLE001 - the last boundary: a bug is told in one line, its place in the log
        structlog.get_logger(__name__).error("unexpected", exc_info=error)
        err.print(
            f"voiceagent: unexpected {type(error).__name__}; the log line above says where. Please report it.",
            style="red",
        )
        return UNEXPECTED


if __name__ == "__main__":
    main()
