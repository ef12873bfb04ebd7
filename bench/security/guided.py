"""One parser fed by atheris, which keeps what reaches new code: `python -m bench.security.guided NAME SECONDS`; `parsers --guided` runs it for each."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["voiceagent", "zipfile", "json", "email", "python_multipart"]):
    from bench.security.parser_table import PARSERS
from bench.security.parsers import Findings, fed

MOST_CRASHES = 20


def main() -> None:
    """Runs until the time is over; prints as parsers.py does, and ends with 1 after a crash."""
    name, ends_at_s = sys.argv[1], time.monotonic() + float(sys.argv[2])
    parser, found, loop = PARSERS[name], Findings(), asyncio.new_event_loop()
    logging.disable(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp())

    def one(raw: bytes) -> None:
        loop.run_until_complete(fed(parser, raw, found))
        if time.monotonic() > ends_at_s or found.crashes.total() > MOST_CRASHES:
            print(found.line(name), flush=True)
            shutil.rmtree(folder)
            os._exit(1 if found.crashes else 0)  # the fuzzer itself returns to nobody

    for number, seed in enumerate(parser.seeds):
        (folder / str(number)).write_bytes(seed)
    atheris.Setup([sys.argv[0], "-max_len=65536", "-timeout=20", "-verbosity=0", str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
