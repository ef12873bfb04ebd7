"""The child process that holds a GGUF model: llama.cpp's own HTTP server on loopback. Started by `llamacpp.py`, never by hand.

Imports nothing of the platform but the other side of its pipes.
"""

from __future__ import annotations

from typing import Any

from voiceagent.adapters.llm.child_side import serve

_QUIET = 1
"""llama.cpp's verbosity: errors only. Its default prints parts of prompts."""

_BATCH_TOKENS = 32
"""Tokens of a prompt read between two looks at the connection. Measured 2026-11-23, SmolLM2-135M, 1 thread: a call cancelled in its
prompt stops after 0.1 s; with the default of 2,048 it reads the prompt to its end (6 s for 900 tokens). Same tokens a second."""

_CACHE_RAM_MIB = 64
"""Prompts of idle conversations kept beside the slots; llama.cpp's default would let the child grow by 8 GiB."""

_running: list[Any] = []
"""The server: it would end with its last reference."""


def start(settings: dict[str, Any]) -> str:
    """Load the model; where it is served."""
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
    _running.append(server := xllamacpp.Server(params))
    return str(server.listening_address)


if __name__ == "__main__":
    serve(start)
