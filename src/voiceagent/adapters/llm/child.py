"""The life of a child process that holds a model: start, wait until it listens, start again when it dies, end. No chat in here."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from voiceagent.kit.errors import Unavailable
from voiceagent.kit.tasks import TaskScope

_log = structlog.get_logger(__name__)

_BACK_OFF_S = (0.2, 1.0, 5.0, 15.0, 30.0)
_STEADY_S = 60.0
"""A child that lived this long starts again without a wait."""
_TRIES = 2
"""So many starts in a row may fail before those who wait for the child are told why."""
_FOLDERS = re.compile(r"(?:[A-Za-z]:)?[\\/](?:[^\s\\/'\":]+[\\/])+")
_END_S = 1.0
_TELL_S = 5.0
"""So often the log says that a model is still loading."""
_INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR", "TEMP")


@dataclass(frozen=True, slots=True)
class Child:
    """What is started. module: run as `python -m`, see child_side.py.  settings: told on its stdin, its API key among them.

    threads: that it computes with.  start_s: longest wait for it to load its model.  environment: beside what every child gets.
    """

    module: str
    settings: Mapping[str, Any] = field(repr=False)
    threads: int
    start_s: float
    environment: Mapping[str, str] = field(default_factory=dict)


class ModelProcess:
    """Keeps one child alive from the first `start` or `wait` on. `listening` is told each new address, so that a client can call it."""

    def __init__(self, child: Child, listening: Callable[[str], None]) -> None:
        self._child = child
        self._listening = listening
        self._tasks = TaskScope("llm_child", self._broken)
        self._process: asyncio.subprocess.Process | None = None
        self._up = asyncio.Event()
        self._settled = asyncio.Event()
        self._refused = 0
        self._reason = ""
        self._down = False
        self._failures = 0
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id of the running child."""
        return self._process.pid if self._process is not None and self._up.is_set() else None

    async def wait(self, within_s: float) -> None:
        """Return once the child listens. Raises Unavailable `llm_unavailable` after `within_s`, at once while it waits to start again, and
        with the child's own reason as soon as it has failed to start twice in a row."""
        self.start()
        if self._closed or self._down:
            raise self._unavailable("is not running")
        try:
            async with asyncio.timeout(within_s):
                await self._settled.wait()
        except TimeoutError as error:
            raise self._unavailable("is still loading") from error
        if not self._up.is_set():
            raise self._unavailable("does not start")

    def _unavailable(self, state: str) -> Unavailable:
        """What a caller is told. Where the machine keeps its models is nobody's business."""
        because = f": {_FOLDERS.sub('', self._reason)}" if self._reason else ""
        return Unavailable("llm_unavailable", f"the local model {state}{because}", retry_after_s=1.0)

    def start(self) -> None:
        """Begin to keep a child. Idempotent; needs the event loop, and a thread that lives as long as the child shall."""
        if self._keeper is None and not self._closed:
            self._keeper = self._tasks.start(self._keep(), name="keep")

    async def close(self) -> None:
        """End the child and wait for it, at most 5 s. Idempotent."""
        self._closed = True
        self._up.clear()
        self._settled.set()
        await self._tasks.close()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            await self._live()
            self._failures = 0 if loop.time() - started_s > _STEADY_S else self._failures + 1
            pause_s = _BACK_OFF_S[min(max(self._failures - 1, 0), len(_BACK_OFF_S) - 1)]
            _log.warning("llm_child_ended", failures=self._failures, again_in_s=pause_s)
            self._down = True
            await asyncio.sleep(pause_s)
            self._down = False

    async def _live(self) -> None:
        """One child, from its start to its end; it is gone and reaped when this returns or is cancelled."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self._child.module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(self._child),
        )
        self._process = process
        began_s, telling = time.monotonic(), asyncio.create_task(self._tell_of_loading(process))
        try:
            self._listening(await self._address(process))
            _log.info("model_loaded", model=self._name, after_s=round(time.monotonic() - began_s, 1))
            telling.cancel()
            self._refused, self._reason = 0, ""
            self._up.set()
            self._settled.set()
            await process.wait()
            self._settled.clear()
        except Unavailable as error:
            self._refused += 1
            if self._refused >= _TRIES:
                self._settled.set()
            _log.error("llm_child_failed", reason=error.message)
        finally:
            telling.cancel()
            self._up.clear()
            await _end(process)

    @property
    def _name(self) -> str:
        """Of the model, without the folder that it lies in."""
        return Path(str(dict(self._child.settings).get("model", self._child.module))).name

    async def _tell_of_loading(self, process: asyncio.subprocess.Process) -> None:
        """A large model takes minutes: say that it goes on, and how much of it is there."""
        began_s = time.monotonic()
        while True:
            await asyncio.sleep(_TELL_S)
            _log.info(
                "model_loading",
                model=self._name,
                for_s=round(time.monotonic() - began_s),
                resident_mib=_resident_bytes(process.pid) // 2**20,
            )

    async def _address(self, process: asyncio.subprocess.Process) -> str:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101  # both are pipes, see above
        try:
            process.stdin.write(json.dumps(dict(self._child.settings)).encode() + b"\n")
            async with asyncio.timeout(self._child.start_s):
                answer = json.loads(await process.stdout.readline() or b"{}")
        except (OSError, ValueError, TimeoutError) as error:
            self._reason = f"it did not say where it listens within {self._child.start_s:g} s"
            raise Unavailable("llm_unavailable", "the local model did not start") from error
        if "url" not in answer:
            self._reason = str(answer.get("error", "it ended without a word"))
            _log.error("llm_child_refused", reason=self._reason)
            raise Unavailable("llm_unavailable", "the local model could not be loaded")
        return str(answer["url"])

    def _broken(self, _name: str, _error: BaseException) -> None:
        self._down = True


def _resident_bytes(pid: int) -> int:
    """Memory of the process; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its stdin, which asks it to end; kill it after a second, or at once when nobody waits any more; reap it."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _environment(child: Child) -> dict[str, str]:
    """Only what a Python process needs: no keys, no settings. Threads that wait must sleep, or they take the cores that carry audio."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return kept | {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(child.threads)} | dict(child.environment)
