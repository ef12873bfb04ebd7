"""Random and bent input for every parser that is ours, for as long as told: a value, or a problem with a 4xx status, is right; all else is a crash.

`python -m bench.security.parsers [--seconds 30] [--guided]` (for each). Prints executions, refusals and crashes by parser, and its slowest case;
ends with 1 after a crash or a case that took over a second of this thread's time. Guided by the coverage of each case with the package
atheris, which is installed for that alone: `pip install atheris`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.security.parser_table import PARSERS, Parser
from voiceagent.kit.errors import Problem

HANG_S = 1.0


def bent(chance: random.Random, seed: bytes) -> bytes:
    """Good input with a few places changed, cut, doubled or joined with others."""
    raw = bytearray(seed)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(5):
            case 0 if raw:
                raw[min(at, len(raw) - 1)] = chance.randrange(256)
            case 1:
                del raw[at : at + chance.randrange(1, 9)]
            case 2:
                raw[at:at] = raw[at : at + chance.randrange(1, 64)] * chance.randrange(1, 4)
            case 3:
                raw[at:at] = chance.choice(_BITS)
            case _:
                raw[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 5)))
    return bytes(raw)


_BITS = (b"\0", b"\xff\xfe", b'"', b"{", b"[" * 40, b"}", b"\\u0000", b"\\ud800", b"NaN", b"1e999", b"-0", b"9" * 5000, b"\r\n", b"\x7f\xff\xff\xff",
         b"null", b".", b"..", b"=", "\u2028".encode(), b'{"type":' * 8)  # fmt: skip


@dataclass
class Findings:
    """Of one parser."""

    cases: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    crashes: Counter[str] = field(default_factory=Counter)

    def line(self, name: str) -> str:
        """For eyes, with the first crashes below it."""
        figures = (
            f"{name:16} {self.cases:9} executions {self.refused:9} refused  slowest {self.slowest_s * 1000:7.1f} ms"
        )
        return "\n    ".join([f"{figures}  crashes {self.crashes.total()}", *list(self.crashes)[:5]])


async def tried(parser: Parser, seconds: float, seed: int) -> Findings:
    """Bend and feed for so long."""
    found, chance, ends_at_s = Findings(), random.Random(seed), time.monotonic() + seconds
    while time.monotonic() < ends_at_s:
        raw = (
            bent(chance, chance.choice(parser.seeds))
            if chance.random() < 0.9
            else chance.randbytes(chance.randrange(300))
        )
        await fed(parser, raw, found)
    return found


async def fed(parser: Parser, raw: bytes, found: Findings) -> None:
    """One case. What it used of this thread counts, not how busy the machine was."""
    started_s = time.thread_time()
    try:
        await parser.parse(raw)
    except Problem as problem:
        found.refused += 1
        if problem.status >= 500:
            found.crashes[f"{problem!r} for {raw[:200]!r}"] += 1
    except Exception as error:  # noqa: BLE001 - what is looked for
        found.crashes[f"{type(error).__name__}: {error} for {raw[:200]!r}"] += 1
    took_s = time.thread_time() - started_s
    if took_s > HANG_S:
        found.crashes[f"{took_s:.1f} s for {raw[:200]!r}"] += 1
    found.slowest_s = max(found.slowest_s, took_s)
    found.cases += 1


def guided(name: str, seconds: float) -> int:
    """The same in a process of its own, with input that atheris finds by what it reaches. Returns 1 after a crash."""
    command = [sys.executable, "-m", "bench.security.guided", name, str(round(seconds))]
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
    print(run.stdout.strip() or f"{name}: ended with {run.returncode}\n{run.stderr[-2000:]}", flush=True)
    return 0 if run.returncode == 0 and run.stdout else 1


def main() -> int:
    """Print the findings; 0 without a crash."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=30.0, help="for each parser")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="", help="parsers whose name contains this")
    options.add_argument("--guided", action="store_true", help="by coverage, with atheris")
    chosen, crashed, executed = options.parse_args(), 0, 0
    for name, parser in PARSERS.items():
        if chosen.only not in name:
            continue
        if chosen.guided:
            crashed += guided(name, chosen.seconds)
            continue
        found = asyncio.run(tried(parser, chosen.seconds, chosen.seed))
        crashed += found.crashes.total()
        executed += found.cases
        print(found.line(name), flush=True)
    if executed:
        print(f"{executed} executions, {crashed} crashes or cases over {HANG_S:g} s")
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
