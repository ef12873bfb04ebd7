"""Shows files on their way: a bar each on a terminal, a line each elsewhere, nothing when the output is for programs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from voiceagent.apps.commands.docs.adding import Added
from voiceagent.apps.commands.outcome import err, plain

_UPLOADED = 0.3
"""Share of a bar that the upload fills; reading fills the rest."""


class Bars:
    """Implements adding.Screen. quiet: show nothing."""

    def __init__(self, *, quiet: bool = False, console: Console = err) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), TimeElapsedColumn(),
            console=console, disable=quiet or not console.is_terminal,
        )  # fmt: skip
        self._console = console
        self._may_ask = not quiet and console.is_terminal and sys.stdin.isatty()
        self._lines = console if not quiet and not console.is_terminal else None
        self._tasks: dict[Path, TaskID] = {}
        self._sizes: dict[Path, int] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begins(self, path: Path, size_bytes: int) -> None:
        self._sizes[path] = max(size_bytes, 1)
        self._tasks[path] = self._progress.add_task(plain(path.name), total=1.0, state="uploading")

    def sent(self, path: Path, count_bytes: int) -> None:
        self._progress.advance(self._tasks[path], _UPLOADED * count_bytes / self._sizes[path])

    def reads(self, path: Path, state: str, progress: float) -> None:
        done = _UPLOADED + (1 - _UPLOADED) * progress
        self._progress.update(self._tasks[path], completed=done, state=state)

    def ends(self, added: Added) -> None:
        state = added.code or "ready"
        if added.path in self._tasks:
            self._progress.update(self._tasks[added.path], completed=1.0, state=state)
        if self._lines is not None:
            self._lines.print(f"{plain(str(added.path))}: {plain(state)}")

    def asks(self, path: Path, code: str) -> str:
        if not self._may_ask:
            return ""
        self._progress.stop()
        try:
            wrong = "That is not the password. " if code == "wrong_password" else ""
            return self._console.input(
                f"{wrong}Password of {plain(path.name)} (empty to leave it out): ", password=True
            )
        except EOFError:
            return ""
        finally:
            self._progress.start()
