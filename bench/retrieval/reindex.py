"""Another embedding model while people search and ask: through the gateway of a running platform, killed half-way, counted answer by answer.

    python -m bench.retrieval.reindex [--data DIR] [--documents 100] [--old URL] [--new URL] [--json FILE]

DIR holds `qa/xquad-en` (default: $VOICEAGENT_DATA or ../shared/data). The platform indexes with --old, starts again with --new (and the old one
as embed.previous_url), and is killed with SIGKILL when a part of the documents has moved. Two searchers and one who asks never pause but while
there is no process. Every search must give what the old model gives or what the new one gives, and never the old after the new.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.ports import free_ports

from voiceagent.models.store import default_root

OLD, NEW = "hashed://?dimensions=256", "minilm:///"
READY_S, MOVED_S, QUESTIONS, SEARCHERS = 180.0, 900.0, 24, 2
_SERVERS = ("GATEWAY", "ENGINE", "VOICE", "DOCUMENTS", "DASHBOARD")
Found = tuple[str, ...]


@dataclass
class Counted:
    """What callers saw. mixed: neither what the old model finds nor what the new one does.  back: the old after the new."""

    searches: int = 0
    asked: int = 0
    failed: int = 0
    empty: int = 0
    old: int = 0
    new: int = 0
    mixed: int = 0
    back: int = 0
    ms: list[float] = field(default_factory=list)
    found: list[tuple[int, Found]] = field(default_factory=list)

    def judged(self, before: dict[int, Found], after: dict[int, Found]) -> None:
        """Count the answers by whose they are; questions to which both models answer alike say nothing and are left out."""
        moved = False
        for question, found in self.found:
            if before[question] == after[question]:
                continue
            is_old, is_new = found == before[question], found == after[question]
            self.old, self.new, self.mixed = (
                self.old + is_old,
                self.new + is_new,
                self.mixed + (not is_old and not is_new),
            )
            self.back += is_old and moved
            moved |= is_new


@dataclass
class Platform:
    """`voiceagent up` over one data folder, on the same ports each time."""

    folder: Path
    ports: Sequence[int]
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}/api/v1"

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {Path(self.folder, 'data', 'cli-key').read_text().strip()}"}

    async def start(self, **settings: str) -> None:
        ours = {f"VOICEAGENT_SERVER__{name}_PORT": str(port) for name, port in zip(_SERVERS, self.ports, strict=True)}
        ours |= {
            "VOICEAGENT_DATA__DIR": f"{self.folder}/data",
            "VOICEAGENT_MODELS__DIR": os.environ.get("VOICEAGENT_MODELS__DIR") or str(default_root()),
        }
        ours |= {"VOICEAGENT_LIMITS__REQUESTS_PER_S": "10000", "VOICEAGENT_LIMITS__REQUEST_BURST": "10000"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VOICEAGENT_")}
        with Path(self.folder, "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "voiceagent.apps.cli", "up",
                env=kept | ours | settings, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        ends_s = time.monotonic() + READY_S
        async with aiohttp.ClientSession() as client:
            while time.monotonic() < ends_s:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with client.get(f"http://127.0.0.1:{self.ports[0]}/health/ready") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)
        raise RuntimeError(f"not ready after {READY_S:.0f} s: {Path(self.folder, 'log').read_text()[-2_000:]}")

    async def end(self, number: int) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        try:
            await asyncio.wait_for(self.process.wait(), 30)
        except TimeoutError:
            os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()


@dataclass
class Callers:
    """Those who search and ask without a pause while `there` is set."""

    platform: Platform
    questions: Sequence[str]
    client: aiohttp.ClientSession
    counted: Counted = field(default_factory=Counted)
    there: asyncio.Event = field(default_factory=asyncio.Event)
    idle: list[asyncio.Event] = field(default_factory=list)

    async def search(self, question: int) -> Found:
        body = {"query": self.questions[question], "limit": 5}
        async with self.client.post(f"{self.platform.url}/search", json=body, headers=self.platform.headers) as answer:
            answer.raise_for_status()
            return tuple(one["chunk_id"] for one in (await answer.json())["items"])

    async def ask(self, question: int) -> str:
        body = {"question": self.questions[question]}
        async with self.client.post(f"{self.platform.url}/ask", json=body, headers=self.platform.headers) as answer:
            answer.raise_for_status()
            return str((await answer.json())["answer"])

    async def everything(self) -> dict[int, Found]:
        return {question: await self.search(question) for question in range(len(self.questions))}

    async def always(self, number: int) -> None:
        at = number * 7
        while True:
            await self.there.wait()
            at += 1
            self.idle[number].clear()
            began_s = time.perf_counter()
            try:
                if number < SEARCHERS:
                    found = await self.search(at % len(self.questions))
                    self.counted.searches += 1
                    self.counted.empty += not found
                    self.counted.found.append((at % len(self.questions), found))
                    self.counted.ms.append((time.perf_counter() - began_s) * 1000)
                else:
                    self.counted.empty += not await self.ask(at % len(self.questions))
                    self.counted.asked += 1
            except (aiohttp.ClientError, TimeoutError, KeyError):
                self.counted.failed += 1
            self.idle[number].set()
            await asyncio.sleep(0.02)

    async def pause(self) -> None:
        """Nobody calls while there is no process: that is no part of a re-index."""
        self.there.clear()
        for one in self.idle:
            await one.wait()

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        self.idle[:] = [asyncio.Event() for _ in range(SEARCHERS + 1)]
        for one in self.idle:
            one.set()
        running = [asyncio.ensure_future(self.always(number)) for number in range(SEARCHERS + 1)]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def fill(callers: Callers, texts: Sequence[str]) -> None:
    """Upload every text as a document, and wait until all are ready."""
    for number, text in enumerate(texts):
        form = aiohttp.FormData()
        form.add_field("file", text.encode(), filename=f"text-{number:03}.txt", content_type="text/plain")
        url = f"{callers.platform.url}/documents"
        async with callers.client.post(url, data=form, headers=callers.platform.headers) as answer:
            answer.raise_for_status()
    await reached(callers, lambda one: one["state"] == "ready", len(texts))


async def reached(callers: Callers, is_so: Any, wanted: int) -> float:
    """Wait until so many documents are so; returns the seconds."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < MOVED_S:
        url = f"{callers.platform.url}/documents?limit=200"
        async with callers.client.get(url, headers=callers.platform.headers) as answer:
            answer.raise_for_status()
            if sum(map(is_so, (await answer.json())["items"])) >= wanted:
                return time.monotonic() - began_s
        await asyncio.sleep(0.2)
    raise RuntimeError(f"not {wanted} documents after {MOVED_S:.0f} s")


def texts_and_questions(data: Path, count: int) -> tuple[list[str], list[str]]:
    lines = [json.loads(line) for line in (data / "qa/xquad-en/corpus.jsonl").read_text().splitlines()][:count]
    known = {line["id"] for line in lines}
    asked = [json.loads(line) for line in (data / "qa/xquad-en/queries.jsonl").read_text().splitlines()]
    fitting = [str(one["text"]) for one in asked if one["paragraph_id"] in known]
    return [str(line["text"]) for line in lines], fitting[:: max(len(fitting) // QUESTIONS, 1)][:QUESTIONS]


async def measure(data: Path, count: int, old: str = OLD, new: str = NEW) -> dict[str, Any]:
    texts, questions = texts_and_questions(data, count)
    with tempfile.TemporaryDirectory() as scratch:
        platform = Platform(Path(scratch), free_ports(len(_SERVERS)))
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(timeout=timeout) as client:
            callers = Callers(platform, questions, client)
            try:
                return await _moved(callers, texts, old, new)
            finally:
                await platform.end(signal.SIGTERM)


async def _moved(callers: Callers, texts: Sequence[str], old: str, new: str) -> dict[str, Any]:
    platform, names = callers.platform, {"VOICEAGENT_EMBED__URL": new, "VOICEAGENT_EMBED__PREVIOUS_URL": old}
    await platform.start(VOICEAGENT_EMBED__URL=old)
    await fill(callers, texts)
    before = await callers.everything()
    first = await _model_of_first(callers)
    await platform.end(signal.SIGTERM)
    async with callers.calling():
        await platform.start(**names)
        callers.there.set()
        await reached(callers, lambda one: one["metadata"].get("embedding_model") != first, max(len(texts) // 3, 1))
        await callers.pause()
        await platform.end(signal.SIGKILL)
        await platform.start(**names)
        callers.there.set()
        rest_s = await reached(callers, lambda one: one["metadata"].get("embedding_model") != first, len(texts))
        searched = callers.counted.searches
        while callers.counted.searches < searched + 10 * len(callers.questions):
            await asyncio.sleep(0.1)
    after = await callers.everything()
    counted = callers.counted
    counted.judged(before, after)
    ms = sorted(counted.ms)
    return {
        "documents": len(texts),
        "searches": counted.searches,
        "asked": counted.asked,
        "failed": counted.failed,
        "empty": counted.empty,
        "as_the_old_model": counted.old,
        "as_the_new_model": counted.new,
        "as_neither": counted.mixed,
        "old_after_new": counted.back,
        "rest_after_kill_s": round(rest_s, 1),
        "search_p50_ms": round(ms[len(ms) // 2], 1),
        "search_p95_ms": round(ms[int(len(ms) * 0.95)], 1),
    }


async def _model_of_first(callers: Callers) -> object:
    async with callers.client.get(
        f"{callers.platform.url}/documents?limit=1", headers=callers.platform.headers
    ) as answer:
        return (await answer.json())["items"][0]["metadata"]["embedding_model"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOICEAGENT_DATA", "../shared/data")))
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--old", default=OLD)
    parser.add_argument("--new", default=NEW)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = asyncio.run(measure(options.data, options.documents, options.old, options.new))
    for name, value in report.items():
        print(f"{name:20} {value}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
