"""How a command ends: what it prints for people or for programs, and its exit code. A user's error is one line, never a traceback."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from voiceagent.kit.errors import (
    Conflict,
    InvalidInput,
    Misconfigured,
    NotFound,
    Problem,
    Unavailable,
)

OK, UNEXPECTED, USAGE, UNAVAILABLE, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES = "Exit codes: 0 done, 1 unexpected, 2 wrong usage or configuration, 3 a part does not answer, 4 refused, 130 interrupted."

T = TypeVar("T")

_UNBOUNDED_COLUMNS = 10_000


def console_width() -> int | None:
    """Columns of standard output; None for what the terminal or COLUMNS says. A file or a pipe has no edge at which words would have to go."""
    return None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _UNBOUNDED_COLUMNS


out = Console(highlight=False, soft_wrap=True, width=console_width())
err = Console(stderr=True, highlight=False, soft_wrap=True)


def exit_code(problem: Problem) -> int:
    """Which of the documented codes tells this problem. Whatever has a code of its own was foreseen: what is none of the caller's mistakes and
    no silent part is a refusal, such as a backup that is broken, stored data that does not open, or too many calls.
    """
    if isinstance(problem, InvalidInput | NotFound | Conflict | Misconfigured):
        return USAGE
    return UNAVAILABLE if isinstance(problem, Unavailable) else REFUSED


def tell_problem(problem: Problem, *, as_json: bool) -> None:
    """One object on standard output for programs, one line on standard error for people."""
    if as_json:
        print_json({"error": {"code": problem.code, "message": problem.message, "param": problem.param}})
    else:
        err.print(f"voiceagent: {problem.message} [{problem.code}]", style="red", markup=False)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """`value` as JSON on standard output, untouched by colours and line breaks."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_told, indent=2) + "\n")


def listing(first: str, *others: str) -> Table:
    """A table whose first column, by which the next command names a row, is never cut short, however narrow the terminal."""
    return Table(Column(first, no_wrap=True, overflow="fold"), *others, box=None, pad_edge=False)


def _told(value: object) -> str:
    """Moments as the API writes them."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def plain(text: str) -> str:
    """Words from outside as they may be shown on a terminal: no escape sequences, no markup of ours."""
    return escape("".join(char if char.isprintable() else " " for char in text))


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` on uvloop to its end."""
    return uvloop.run(coroutine)


def warn(lines: Sequence[str]) -> None:
    """Tell the operator, loudly, before anything else is printed."""
    for line in lines:
        print(f"WARNING: {line}", file=sys.stderr)  # noqa: T201 - stands above the log, which may go elsewhere
