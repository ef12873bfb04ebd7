"""The command line: gathers the command groups and turns problems into one line and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import structlog
import typer
from typer.exceptions import TyperException

from voiceagent.apps.commands.lines import LINES
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
from voiceagent.kit.errors import Problem
from voiceagent.kit.log import configure_logging

_COMMANDS = "voiceagent.apps.commands"
_START, _ADMIN = f"{_COMMANDS}.start", f"{_COMMANDS}.admin"
PLAIN = {
    "up": _START,
    "serve": _START,
    "demo": f"{_COMMANDS}.demo.command",
    "init": f"{_COMMANDS}.init",
    "ask": f"{_COMMANDS}.ask",
    "talk": f"{_COMMANDS}.talk",
    "doctor": f"{_COMMANDS}.doctor",
    "version": f"{_COMMANDS}.doctor",
    "migrate": _ADMIN,
}
"""Commands by name, each with the module whose `register` adds it."""
GROUPS = {
    "models": f"{_COMMANDS}.models",
    "tenants": f"{_COMMANDS}.tenants.commands",
    "keys": f"{_COMMANDS}.keys",
    "users": f"{_COMMANDS}.users",
    "providers": "voiceagent.apps.commands.providers.commands",
    "config": f"{_COMMANDS}.config",
    "docs": f"{_COMMANDS}.docs",
    "audit": f"{_COMMANDS}.audit",
    "encryption": f"{_COMMANDS}.custody.encryption",
    "backup": f"{_COMMANDS}.backup.server",
    "events": f"{_COMMANDS}.events.letters",
    "privacy": f"{_COMMANDS}.rights",
    "tls": f"{_COMMANDS}.custody.tls",
}
"""Groups of commands by name, each with the module that holds them as `app`."""


def app_for(name: str = "") -> typer.Typer:
    """The program with the command or group `name` alone, or whole: who asks for one need not wait for the code of all others."""
    app = _program()
    known = name in PLAIN or name in GROUPS
    for module in dict.fromkeys(PLAIN[one] for one in PLAIN if not known or one == name):
        import_module(module).register(app)
    for one in (one for one in GROUPS if not known or one == name):
        app.add_typer(import_module(GROUPS[one]).app, name=one)
    return app


def outline() -> typer.Typer:
    """The program as `voiceagent --help` shows it: names and a line each, without the code behind them."""
    app = _program()
    for name in PLAIN:
        app.command(name, help=LINES[name])(lambda: None)
    for name in GROUPS:
        app.add_typer(typer.Typer(help=LINES[name], callback=lambda: None), name=name)
    return app


def _program() -> typer.Typer:
    app = typer.Typer(
        name="voiceagent",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        help="People talk, in real time, with an AI agent that knows their documents.",
        epilog=EXIT_CODES,
    )
    app.callback()(lambda: None)  # so that a single command keeps its name
    return app


def main() -> None:
    """Run the command of this process and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of the command with these arguments."""
    as_json = "--json" in arguments
    configure_logging(level="warning", format="console")  # until a command has read the settings
    try:
        name = next((one for one in arguments if not one.startswith("-")), "")
        app = app_for(name) if name else outline()
        result = app(arguments, prog_name="voiceagent", standalone_mode=False)
        return result if isinstance(result, int) else OK
    except Problem as problem:
        tell_problem(problem, as_json=as_json)
        return exit_code(problem)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except TyperException as error:
        if told := error.format_message():  # none where a group without a command has shown its help
            err.print(f"voiceagent: {told} See voiceagent --help.", style="red", markup=False)
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
