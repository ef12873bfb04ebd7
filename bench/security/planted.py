"""Planted personal data, secrets and words through every door of a running platform while its servers fail: where else do they come out?

    python -m bench.security.planted [--open] [--lines 1000000 [--load-s 3600]] [--work DIR]

Starts the platform with PostgreSQL and Redis behind relays that fail on request, and with language model, embeddings and reranking at a server
elsewhere that keeps what it is sent, and quotes it in its errors. In each cell one fault happens while fresh values go through every door. Then
looked through: logs at level `debug`, metrics, every refusal, the audit log, what the server elsewhere was sent, stored turns, the export of the
person, what the index holds, the logs of recordings. Figures are found however they are parted. Ends with 1 when one is where it must not be.
--open: nothing is redacted; the search then has to find values, or it cannot find any.
--lines: in each cell the values of before go through the doors again and again, until the log has so many lines in all, or the time of --load-s is over.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from tests.support.ports import free_ports
from tests.support.servers import postgresql_at, redis_server

from bench.faults.relay import Relay
from bench.security.planted_doors import SCRAPE_TOKEN, Doors, collected, spoken_lines
from bench.security.planted_load import Load, Log, blocks, scanned
from bench.security.planted_server import MODES, Elsewhere
from bench.security.planted_values import Planted
from bench.security.stage import SCRIPTED, Stage, stage

REDACT = "logs,transcripts,prompts,exports,index"
CELLS = (
    *(("", "", mode) for mode in MODES),
    *((part, fault, "good") for part in ("redis", "postgresql") for fault in ("refuse", "reset", "black_hole")),
    ("redis", "latency", "good"),
    ("postgresql", "lost_reply", "good"),
)
"""Which server fails in which way, and what the models elsewhere do."""
HEAL_S = 60.0
FORBIDDEN = {
    "logs": ("personal", "secret", "words"),
    "metrics": ("personal", "secret", "words"),
    "errors": ("personal", "secret", "words"),
    "audit log": ("personal", "secret", "words"),
    "models elsewhere": ("personal", "secret"),
    "stored turns": ("personal", "secret"),
    "export": ("personal", "secret"),
    "index": ("personal", "secret"),
    "logs of recordings": ("personal", "secret", "words"),
}
"""What must not be found where. Words are what was said and written: they are the business of models, turns, exports and the index."""


async def run(folder: Path, options: argparse.Namespace) -> bool:
    planted, elsewhere = Planted(), Elsewhere()
    lines = folder / "lines.json"
    lines.write_text(spoken_lines(planted))
    with servers(folder) as (postgresql, redis):
        relays = {"postgresql": relay_of(postgresql), "redis": relay_of(redis)}
        for one in relays.values():
            await one.open()
        async with elsewhere.serving() as base:
            told = settings(base, lines, relays, folder) | ({"PRIVACY__REDACT": ""} if options.open else {})
            with contextlib.ExitStack() as stack:
                on = await asyncio.to_thread(stack.enter_context, stage(folder, told, {"FAR_KEY": planted.secret()}))
                found = await attacked(on, planted, elsewhere, relays, told, options)
                await asyncio.to_thread(stack.close)
        for one in relays.values():
            await one.close()
    return judged(planted, found, on, options)


async def attacked(
    on: Stage,
    planted: Planted,
    elsewhere: Elsewhere,
    relays: dict[str, Relay],
    told: dict[str, str],
    options: argparse.Namespace,
) -> dict[str, str]:
    log, told_by_load = Log(on.log), ""
    async with Doors.opened(on, planted, told) as doors:
        await doors.all()  # with nothing amiss: that the doors are open is checked
        doors.strict = False
        load = Load(doors, planted, log, left_s=options.load_s)
        for number, (part, fault, mode) in enumerate(CELLS, start=1):
            elsewhere.mode = mode
            if part:
                await relays[part].fail(fault)
            before = len(doors.refusals)
            await doors.all()
            calls, refused = load.calls, load.refused
            if options.lines:
                await load.until(options.lines * number // len(CELLS), options.load_s / len(CELLS))
            if part:
                await relays[part].heal()
            elsewhere.mode = "good"
            print(
                f"    {part or 'models':10} {fault or mode:12} {len(doors.refusals) - before} refusals, load: {load.calls - calls} calls,"
                f" {load.refused - refused} refused; {log.count()} lines of log",
                flush=True,
            )
            await healed(on)
        if options.lines:
            await load.until(options.lines, options.load_s)
            print(
                f"    load: {load.calls} calls, {load.refused} refused, {load.unanswered} unanswered, {len(load.leaked)} values told"
            )
            told_by_load = "\n".join(one.text for one in load.leaked)
        found = await collected(doors)
    found["errors"] += f"\n{told_by_load}"
    return found | {"models elsewhere": elsewhere.text()}


async def healed(on: Stage) -> None:
    async with aiohttp.ClientSession() as client, asyncio.timeout(HEAL_S):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with client.get(f"{on.url}/health/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.2)


def judged(planted: Planted, found: dict[str, str], on: Stage, options: argparse.Namespace) -> bool:
    """Whether it is as it must be; with --open, whether anything was found."""
    print(f"planted: {planted.count()} values: {dict(Counter(one.kind for one in planted.values))}")
    good = True
    for place, classes in FORBIDDEN.items():
        texts = blocks(on.log) if place == "logs" else [found.get(place, "")]
        characters, lines, tracebacks, seen = scanned(planted, texts)
        there = [one for one in seen if one.what in classes]
        words = sum(one.what == "words" for one in seen)
        good = good and not there and bool(characters)
        print(f"    {place:20} {characters:>9} characters, {words:>3} planted words, found: {len(there)}")
        for one in there[:20]:
            print(f"        {one.kind} of {one.door}: {seen[one]}")
        if place == "logs":
            print(f"    {lines} lines of log of {options.lines} wanted, {tracebacks} raw tracebacks")
            good = control(planted, on) and good and not tracebacks and (options.open or lines >= options.lines)
    return (not good) if options.open else good


def control(planted: Planted, on: Stage) -> bool:
    """Whether each planted value is found where it is put between the lines of this log: a search that finds nothing has to be able to."""
    lines = list(itertools.islice(on.log.open(errors="replace"), len(planted.values)))
    mixed = "".join(
        f"{one.rstrip()} {value.text}\n" for one, value in zip(itertools.cycle(lines), planted.values, strict=False)
    )
    found = len(set(planted.found(mixed)))
    print(f"    control: {found} of {len(set(planted.values))} values are found once they stand in lines of this log")
    return found == len(set(planted.values))


def settings(base: str, lines: Path, relays: dict[str, Relay], folder: Path) -> dict[str, str]:
    return {
        **SCRIPTED,
        "LLM__URL": f"openai+{base}?model=far&local=0&key_env=FAR_KEY&tools=1",
        "EMBED__URL": f"openai+{base}?model=far-embed&dimensions=64&local=0",
        "RERANK__URL": f"rerank+{base}?model=far-rerank&local=0",
        "STT__URL": f"scripted://{lines}?words_per_s=0",
        "DOCUMENTS__CLASSIFY_BY": "llm",
        "STORE__URL": f"postgresql://postgres@127.0.0.1:{relays['postgresql'].port}/postgres",
        "CACHE__URL": f"redis://127.0.0.1:{relays['redis'].port}/0",
        "BUS__URL": f"redis://127.0.0.1:{relays['redis'].port}/0",
        "RECORDINGS__DIR": str(folder / "data" / "recordings"),
        "PRIVACY__REDACT": REDACT,
        "PRIVACY__BLEEP": "true",
        "ROUTING__ALLOWED_HOSTS": "127.0.0.1",
        "LOG__LEVEL": "debug",
        "SERVER__SCRAPE_TOKEN": SCRAPE_TOKEN,
    }


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[tuple[int, int]]:
    beside = folder / "postgresql"
    beside.mkdir()
    beside.chmod(0o777)  # the server runs as a user of its own
    with postgresql_at(beside / "data") as url, redis_server() as (redis_url, _):
        yield int(url.rpartition(":")[2].partition("/")[0]), int(redis_url.rpartition(":")[2].partition("/")[0])


def relay_of(port: int) -> Relay:
    (own,) = free_ports(1)
    return Relay(port, own)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--open", action="store_true")
    options.add_argument("--lines", type=int, default=0)
    options.add_argument("--load-s", type=float, default=3_600.0)
    options.add_argument("--work", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.work, ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        good = asyncio.run(run(Path(name), chosen))
    print("as it must be" if good else "FAILED")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
