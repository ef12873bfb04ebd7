"""What every child process that holds a model does beside serving it: be told its settings, say where it listens, end with its parent.

It speaks over three pipes: one JSON line of settings comes in on stdin, one JSON line {"url": ...} or {"error": ...} goes out on
stdout, and it ends when stdin closes, so it cannot outlive its parent. Imports nothing of the platform.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1


def serve(start: Callable[[dict[str, Any]], str]) -> NoReturn:
    """Read the settings, say the address that `start` gives, and stay until the parent goes."""
    _die_with_parent()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the parent still needs us while it drains
    settings = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries write to stdout too; keep the answer line clean
    try:
        url = start(settings)
    except Exception as error:  # noqa: BLE001  # a process boundary: whatever the native code raises becomes the answer
        _say(answers, {"error": str(error)[:500] or type(error).__name__})
        os._exit(1)
    _say(answers, {"url": url})
    while sys.stdin.readline():
        pass
    os._exit(0)  # the native threads have no bounded stop of their own


def _die_with_parent() -> None:
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _say(stream: Any, answer: dict[str, Any]) -> None:
    stream.write(json.dumps(answer) + "\n")
    stream.flush()
