"""The child process that holds a GGUF model: llama.cpp's own HTTP server on loopback. Started by `llamacpp.py`, never by hand.

It speaks over three pipes: one JSON line of settings comes in on stdin, one JSON line {"url": ...} or {"error": ...} goes out on
stdout, and it ends when stdin closes, so it cannot outlive its parent. Imports nothing of the platform.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_QUIET = 1
"""llama.cpp's verbosity: errors only. Its default prints parts of prompts."""

_BATCH_TOKENS = 32
"""Tokens of a prompt read between two looks at the connection. Measured 2026-11-23, SmolLM2-135M, 1 thread: a call cancelled in its
prompt stops after 0.1 s; with the default of 2,048 it reads the prompt to its end (6 s for 900 tokens). Same tokens a second."""

_CACHE_RAM_MIB = 64
"""Prompts of idle conversations kept beside the slots; llama.cpp's default would let the child grow by 8 GiB."""


def main() -> NoReturn:
    """Read the settings, load the model, say where it listens, and stay until the parent goes."""
    _die_with_parent()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the parent still needs us while it drains
    settings = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # llama.cpp writes to stdout too; keep the answer line clean
    try:
        server = _start(settings)
    except Exception as error:  # noqa: BLE001  # a process boundary: whatever the native code raises becomes the answer
        _say(answers, {"error": str(error)[:500] or type(error).__name__})
        os._exit(1)
    _say(answers, {"url": server.listening_address})
    while sys.stdin.readline():
        pass
    os._exit(0)  # the native threads have no bounded stop of their own


def _start(settings: dict[str, Any]) -> Any:
    import xllamacpp  # noqa: PLC0415  # 100 MB of native code that only this process may load

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["api_key"]]
    params.n_ctx = settings["context_tokens"] * settings["parallel"]
    params.n_parallel = settings["parallel"]
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = settings["threads"]
        cpu.poll = 0  # waiting threads sleep: spinning ones take the cores that carry audio
    params.n_batch = params.n_ubatch = _BATCH_TOKENS
    params.cache_ram_mib = _CACHE_RAM_MIB
    params.verbosity = _QUIET
    return xllamacpp.Server(params)


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


if __name__ == "__main__":
    main()
