"""Measures what the capacity model is fed with, on this machine, and writes it to inputs.json, each figure with its command.

    python bench/scale/measure.py [--only platform|models|vectors]

CPU seconds are the processes' own, so that other work on the machine costs time but not truth. Stages are told apart by processes (one a
service) and, for models, by exchanging one scripted model after the other for the real one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
import psutil
import redis

ROOT = Path(__file__).absolute().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.apart import SCRIPTED, Apart  # noqa: E402
from tests.support.servers import WEAVIATE_KEY, fresh_database, postgresql_server, psql, redis_server, weaviate_server  # noqa: E402  # fmt: skip

from bench.scale.callers import Callers  # noqa: E402
from voiceagent.adapters.vad.silero import open_vad  # noqa: E402
from voiceagent.apps.build import opened  # noqa: E402
from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ, VAD_WINDOW_SAMPLES  # noqa: E402
from voiceagent.domain.document import Chunk  # noqa: E402
from voiceagent.models.store import default_root  # noqa: E402
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument  # noqa: E402

INPUTS = Path(__file__).parent / "inputs.json"
SERVICES = ("gateway", "engine", "voice", "documents", "worker")
CALLS, TURNS, PAUSE_S = 4, 6, 1.5
SILENT_S = 15.0
OPEN_CALLS = 40
REQUESTS = 400
PASSAGES = 2_000
MODELS = {"stt": "VOICEAGENT_STT__URL", "tts": "VOICEAGENT_TTS__URL", "llm": "VOICEAGENT_LLM__URL", "turns": "VOICEAGENT_TURNS__URL"}  # fmt: skip


@dataclass
class Stand:
    """A running installation, one process a service."""

    apart: Apart
    database: str
    redis_port: int
    redis: psutil.Process
    postgres: psutil.Process

    @property
    def url(self) -> str:
        return f"{self.apart.running['gateway'].url.replace('http', 'ws', 1)}/v1/realtime?model=default"

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far: of each service with its children, of PostgreSQL and Redis."""
        found = {name: psutil.Process(one.process.pid) for name, one in self.apart.running.items() if one.process}
        told = {name: _tree_s(process) for name, process in found.items()}
        return told | {"redis": sum(self.redis.cpu_times()[:2]), "postgresql": _tree_s(self.postgres)}

    def resident_bytes(self, name: str) -> int:
        process = self.apart.running[name].process
        assert process is not None
        return psutil.Process(process.pid).memory_info().rss

    def redis_calls(self) -> int:
        """Commands that Redis has run."""
        with redis.Redis(port=self.redis_port) as client:
            stats = client.info("commandstats")
        return sum(
            one["calls"] for name, one in stats.items() if name not in ("cmdstat_info", "cmdstat_client|setinfo")
        )

    def counts(self) -> dict[str, float]:
        """Of PostgreSQL and Redis, since the beginning."""
        return {f"db_{name}": value for name, value in self._database_counts().items()} | {
            "redis_commands": self.redis_calls()
        }

    def _database_counts(self) -> dict[str, int]:
        """Rows, bytes of tables with their indexes, bytes of the log of changes, commits, since the beginning."""
        psql(self.database, "SELECT pg_stat_clear_snapshot()")
        found = psql(
            self.database,
            "SELECT (SELECT coalesce(sum(n_tup_ins), 0) FROM pg_stat_user_tables), "
            "(SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables), "
            "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), "
            "(SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())",
        )
        return dict(zip(("rows", "bytes", "wal_bytes", "commits"), map(int, found.split("|")), strict=True))


def _tree_s(process: psutil.Process) -> float:
    """With its children, those that have ended too."""
    total = sum(process.cpu_times()[:4])
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(child.cpu_times()[:2])
    return total


@contextlib.contextmanager
def stand(**real: str) -> Iterator[Stand]:
    """Scripted models but for those in `real`, given by their setting's name ("" for the default)."""
    with tempfile.TemporaryDirectory() as folder, postgresql_server() as server, redis_server() as (cache, process):
        settings = {
            "VOICEAGENT_STORE__URL": fresh_database(server, "scale"),
            "VOICEAGENT_CACHE__URL": cache,
            "VOICEAGENT_BUS__URL": cache,
            "VOICEAGENT_DISCOVERY__URL": cache,
            "VOICEAGENT_BLOBS__URL": f"file://{folder}/blobs",
            "VOICEAGENT_VECTORS__URL": f"local://{folder}/vectors",
            "VOICEAGENT_KEYS__URL": f"file://{folder}/root.key",
            "VOICEAGENT_KEYS__RING_URL": f"file://{folder}/ring",
            "VOICEAGENT_LIMITS__CALLS": "500",
            "VOICEAGENT_LIMITS__SESSIONS": "500",
            "VOICEAGENT_LIMITS__TENANT_REQUESTS_PER_S": "10000",
            "VOICEAGENT_MODELS__DIR": str(_models()),
        }
        apart = Apart(Path(folder), settings, {name: value for name, value in (SCRIPTED | real).items() if value})
        port = int(settings["VOICEAGENT_STORE__URL"].rpartition(":")[2].partition("/")[0])
        try:
            apart.init()
            apart.start(*SERVICES)
            yield Stand(apart, settings["VOICEAGENT_STORE__URL"], int(cache.rpartition(":")[2].partition("/")[0]),
                        psutil.Process(process.pid), _leader(port))  # fmt: skip
        except BaseException:
            print("\n".join(f"{name}: {apart.said(name)[-2000:]}" for name in apart.running), file=sys.stderr)
            raise
        finally:
            apart.close()


def _models() -> Path:
    return Path(os.environ.get("VOICEAGENT_MODELS__DIR") or default_root())


def _leader(port: int) -> psutil.Process:
    pid = next(c.pid for c in psutil.net_connections("tcp") if c.laddr.port == port and c.status == "LISTEN")
    return psutil.Process(pid)


async def spoken(at: Stand) -> dict[str, float]:
    """What turns cost beyond the open microphones: CPU seconds a turn by process."""
    async with Callers(at.url, at.apart.api_key) as callers:
        idle, from_s = at.cpu_s(), time.perf_counter()
        await asyncio.sleep(SILENT_S)
        idle = {name: (spent - idle[name]) / (time.perf_counter() - from_s) for name, spent in at.cpu_s().items()}
        await callers.open(CALLS)
        callers.start()
        await callers.turns(1, pause_s=PAUSE_S)
        before, quiet, from_s = at.cpu_s(), at.counts(), time.perf_counter()
        await asyncio.sleep(SILENT_S)
        silent_s = time.perf_counter() - from_s
        between, first = at.cpu_s(), at.counts()
        answered = sum(len(one.waits_s) for one in callers.all)
        sent = [sum(one.sent_bytes for one in callers.all), sum(one.received_bytes for one in callers.all)]
        took_s = await callers.turns(TURNS, pause_s=PAUSE_S, seed=2)
        await asyncio.sleep(2.0)  # what a turn leaves to be written
        last, after = at.counts(), at.cpu_s()
        took_s += 2.0
        turns = sum(len(one.waits_s) for one in callers.all) - answered
        failed = sum(one.failed for one in callers.all)
        got = [sum(one.sent_bytes for one in callers.all), sum(one.received_bytes for one in callers.all)]
    if turns < CALLS * TURNS * 0.9 or failed:
        raise SystemExit(f"{turns} of {CALLS * TURNS} turns were answered, {failed} errors")
    silent = {name: (between[name] - before[name]) / silent_s for name in before}
    told = {f"silent_{name}": max(0.0, silent[name] - idle[name]) / CALLS for name in ("gateway", "voice", "engine")}
    told |= {f"idle_{name}": idle[name] for name in idle}
    told |= {f"turn_{name}": max(0.0, after[name] - between[name] - silent[name] * took_s) / turns for name in before}
    still = {name: (first[name] - quiet[name]) / silent_s for name in first}
    told |= {f"turn_{name}": max(0.0, last[name] - first[name] - still[name] * took_s) / turns for name in first}
    told["call_up_bytes_per_s"] = (got[0] - sent[0]) / took_s / CALLS
    told["turn_down_bytes"] = (got[1] - sent[1]) / turns
    return told


async def resident(at: Stand) -> dict[str, float]:
    """Bytes a call that is open and silent, and CPU seconds that opening it cost, by process."""
    async with Callers(at.url, at.apart.api_key) as callers:
        await callers.open(4)
        callers.start()
        await asyncio.sleep(2.0)
    before = {name: at.resident_bytes(name) for name in ("gateway", "voice", "engine")}
    async with Callers(at.url, at.apart.api_key) as callers:
        from_s = at.cpu_s()
        await callers.open(OPEN_CALLS)
        to_s = at.cpu_s()
        callers.start()
        await asyncio.sleep(5.0)
        told = {f"call_{name}_bytes": (at.resident_bytes(name) - before[name]) / OPEN_CALLS for name in before}
    return told | {f"open_{name}": (to_s[name] - from_s[name]) / OPEN_CALLS for name in (*before, "postgresql")}


async def requested(at: Stand) -> dict[str, float]:
    """What a small read costs: CPU seconds by process, commands of Redis."""
    headers = {"Authorization": f"Bearer {at.apart.api_key}"}
    url = f"{at.apart.running['gateway'].url}/api/v1/conversations?limit=1"

    async def ask(client: aiohttp.ClientSession, count: int) -> None:
        for _ in range(count):
            async with client.get(url) as answer:
                answer.raise_for_status()
                await answer.read()

    async with aiohttp.ClientSession(headers=headers) as client:
        await ask(client, 50)
        before, commands = at.cpu_s(), at.redis_calls()
        await asyncio.gather(*(ask(client, REQUESTS // 4) for _ in range(4)))
        after, commands = at.cpu_s(), at.redis_calls() - commands
    told = {f"request_{name}": (after[name] - before[name]) / REQUESTS for name in ("gateway", "engine", "postgresql")}
    return told | {"request_redis_commands": commands / REQUESTS}


def platform() -> dict[str, float]:
    """Everything but models, and Redis' own speed."""
    with stand() as at:
        told = asyncio.run(spoken(at)) | asyncio.run(requested(at)) | asyncio.run(resident(at))
        told["redis_core_commands_per_s"] = _redis_speed(at)
    return told | _voice_activity()


def _voice_activity() -> dict[str, float]:
    """CPU seconds of voice activity for each second of a call: the best of several looks, which other programs slow down the least; bytes."""
    before = psutil.Process().memory_info().rss
    detectors = [open_vad("silero:///").open() for _ in range(OPEN_CALLS)]
    taken = (psutil.Process().memory_info().rss - before) / len(detectors)
    detector, window = open_vad("silero:///").open(), bytes(VAD_WINDOW_SAMPLES * SAMPLE_BYTES)
    looks = []
    for _ in range(8):
        before_s = time.process_time()
        for _ in range(200):
            detector.probability(window)
        looks.append((time.process_time() - before_s) / 200)
    return {"silent_vad": min(looks) * SPEECH_RATE_HZ / VAD_WINDOW_SAMPLES, "call_vad_bytes": taken}


def _redis_speed(at: Stand) -> float:
    """Commands for each second of Redis' CPU, mixed as the platform mixes them (GET, SET and a script)."""
    with redis.Redis(port=at.redis_port) as client:
        script = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        before_s = sum(at.redis.cpu_times()[:2])
        for number in range(6_000):
            client.set(f"k{number % 100}", "v" * 200, ex=60)
            client.get(f"k{number % 100}")
            script(keys=["c"], args=[1])
        return 18_000 / (sum(at.redis.cpu_times()[:2]) - before_s)


def models(base: dict[str, float], names: list[str], command: str) -> None:
    """What each real model adds to a turn, in CPU seconds; `base` is what a turn costs with scripted ones. Written one by one."""
    scripted_s = sum(base[f"turn_{name}"] for name in ("voice", "engine"))
    for name in names:
        with stand(**{MODELS[name]: ""}) as at:
            costs = asyncio.run(spoken(at))
        added_s = max(0.0, sum(costs[f"turn_{part}"] for part in ("voice", "engine")) - scripted_s)
        print(f"{name}: {added_s:.3f} CPU s a turn", flush=True)
        written({f"turn_{name}": added_s}, command)


async def vectors() -> dict[str, float]:
    """Bytes a passage on disk, in the local index and in Weaviate, which also holds it in memory."""
    with tempfile.TemporaryDirectory() as folder:
        local = await _filled(f"local://{folder}", lambda: _folder_bytes(Path(folder)))
    with weaviate_server() as url:
        os.environ["WEAVIATE_API_KEY"] = WEAVIATE_KEY
        process = _leader(int(url.partition("?")[0].rpartition(":")[2].strip("/")))
        resident = await _filled(url, lambda: process.memory_info().rss)
    return {"passage_local_bytes": local, "passage_weaviate_resident_bytes": resident}


async def _filled(url: str, size: Callable[[], int]) -> float:
    """Bytes that each further passage of 140 words and 384 numbers takes."""
    draws = np.random.default_rng(7)
    words = [f"word{number}" for number in range(5_000)]
    store = await opened("vectors", url)
    try:
        sizes = []
        for number in range(PASSAGES // 200 + 1):
            document = IndexedDocument(f"doc_{number}", "default", f"Document {number}")
            texts = [" ".join(draws.choice(words, 140)) for _ in range(200)]
            await store.put(
                "ten_scale",
                "minilm",
                document,
                tuple(_chunk(document, at, text, draws) for at, text in enumerate(texts)),
            )
            if number in (0, PASSAGES // 200):
                await asyncio.sleep(1.0)
                sizes.append(size())
        return (sizes[-1] - sizes[0]) / PASSAGES
    finally:
        await store.close()


def _chunk(document: IndexedDocument, ordinal: int, text: str, draws: np.random.Generator) -> IndexedChunk:
    vector = draws.normal(size=384)
    vector /= np.linalg.norm(vector)
    place = (document.document_id, document.collection_id, ordinal, 1, ordinal * 1000, ordinal * 1000 + len(text))
    return IndexedChunk(Chunk(f"{document.document_id}_{ordinal}", *place, text), tuple(vector.tolist()))


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def written(told: dict[str, float], command: str) -> None:
    """Put figures into inputs.json, beside those that are there."""
    known = json.loads(INPUTS.read_text()) if INPUTS.exists() else {}
    known |= {name: {"value": float(f"{value:.4g}"), "command": command} for name, value in told.items()}
    INPUTS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("platform", "models", "vectors"))
    parser.add_argument("--models", default=",".join(MODELS))
    chosen = parser.parse_args()
    only = chosen.only
    command = "python bench/scale/measure.py --only "
    if only in (None, "platform"):
        written(platform(), command + "platform")
    if only in (None, "models"):
        known = {name: one["value"] for name, one in json.loads(INPUTS.read_text()).items()}
        models(known, chosen.models.split(","), command + "models")
    if only in (None, "vectors"):
        written(asyncio.run(vectors()), command + "vectors")
    print(INPUTS.read_text())


if __name__ == "__main__":
    main()
