"""What a caller notices when the first of three model providers is dead, frozen, rate-limited or talks garbage.

    python bench/providers/run.py [--questions 50] [--kind stt|tts|embed]

The whole platform in one process, three scripted model servers in processes of their own, questions over the public realtime socket, one
at a time. Prints the time to the first token a fault, the difference to the same questions without one, failed turns, and turns stored as
complete that were not. In the last row all three providers break their answers off: every turn must fail and none be stored as complete.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.ports import free_ports  # noqa: E402
from turns import ask_once  # noqa: E402

HERE = Path(__file__).resolve().parent
NAMES, FIRST_MS, GOAL_MS, WORDS = ("a", "b", "c"), 40.0, 300.0, 12
BETWEEN_S = 0.1
PORTS = ("gateway", "engine", "voice", "documents", "dashboard")


@dataclass
class Result:
    """One fault. first_ms: to the first token.  failed: answers that did not end well.  lies: stored as complete, and not all there."""

    fault: str
    first_ms: list[float] = field(default_factory=list)
    failed: int = 0
    stored: int = 0
    lies: int = 0
    calls_of_first: int = 0


class Servers:
    """The three providers."""

    def __init__(self) -> None:
        self.ports = free_ports(len(NAMES))
        self.processes = [self._start(index) for index in range(len(NAMES))]

    def _start(self, index: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), str(self.ports[index]), NAMES[index], str(FIRST_MS)]
        )

    def url(self, index: int, kind: str = "llm") -> str:
        model = "same" if kind == "embed" else NAMES[index]
        more = {"tts": "&voice=tone", "embed": "&dimensions=64"}.get(kind, "")
        return f"openai+http://127.0.0.1:{self.ports[index]}/v1?model={model}{more}"

    async def set(self, http: aiohttp.ClientSession, mode: str, *, all_of_them: bool = False) -> None:
        for port in self.ports if all_of_them else self.ports[:1]:
            async with http.post(f"http://127.0.0.1:{port}/mode", json={"mode": mode}):
                pass

    async def calls(self, http: aiohttp.ClientSession) -> int:
        async with http.get(f"http://127.0.0.1:{self.ports[0]}/calls") as answer:
            return int((await answer.json())["calls"])

    async def restart_first(self) -> None:
        self.processes[0] = self._start(0)
        await self.ready()

    async def ready(self) -> None:
        for port in self.ports:
            await listening(port)

    def close(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


async def listening(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


@contextlib.contextmanager
def platform(servers: Servers, kind: str) -> Iterator[tuple[int, Path]]:
    """The platform with these providers of a kind and scripted others; its gateway's port and data folder."""
    with tempfile.TemporaryDirectory() as folder:
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        settings = {f"SERVER__{name.upper()}_PORT": str(port) for name, port in ports.items()}
        settings |= {f"{part}__URL": "scripted:///" for part in ("LLM", "STT", "TTS", "VAD", "TURNS")}
        settings |= {"DATA__DIR": folder, "EMBED__URL": "hashed:///", "LOG__LEVEL": "error"}
        settings |= {
            f"{kind.upper()}__URL": servers.url(0, kind),
            f"{kind.upper()}__FALLBACK_URL": servers.url(1, kind),
        }
        settings |= {"ROUTING__PROVIDERS": servers.url(2, kind) + f"&kind={kind}&name=third"}
        settings |= {"LIMITS__REQUESTS_PER_S": "1000", "LIMITS__REQUEST_BURST": "1000"}
        environment = os.environ | {f"VOICEAGENT_{name}": value for name, value in settings.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "voiceagent.apps.cli", "up"], env=environment, cwd=ROOT, stdout=subprocess.DEVNULL
        )
        try:
            yield ports["gateway"], Path(folder)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def ready(port: int, folder: Path) -> str:
    """An API key, once the platform answers."""
    async with asyncio.timeout(120), aiohttp.ClientSession() as http:
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with http.get(f"http://127.0.0.1:{port}/health/ready") as answer:
                    if answer.status == 200 and (folder / "cli-key").exists():
                        return await reading_key(folder)
            await asyncio.sleep(0.1)


async def reading_key(folder: Path) -> str:
    """A key that may talk and read what was said."""
    command = ("-m", "voiceagent.apps.cli", "keys", "create", "bench", "--scopes", "talk,conversations:read")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--data-dir", str(folder), "--json", cwd=ROOT, stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    found = json.loads(said)
    return str(found.get("secret") or found.get("key"))


async def asked(http: aiohttp.ClientSession, port: int, result: Result, questions: int) -> str:
    """Ask over one realtime session; its conversation's id."""
    conversation = ""
    async with http.ws_connect(f"ws://127.0.0.1:{port}/v1/realtime?model=default") as ws:
        await ws.send_json({"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}})
        for number in range(questions):
            content = [{"type": "input_text", "text": f"Question {number}"}]
            item = {"type": "message", "role": "user", "content": content}
            await ws.send_json({"type": "conversation.item.create", "item": item})
            begun_s, first_ms = time.perf_counter(), None
            await ws.send_json({"type": "response.create"})
            while True:
                event: dict[str, Any] = await ws.receive_json(timeout=20)
                if event["type"] == "response.output_text.delta" and first_ms is None:
                    first_ms = (time.perf_counter() - begun_s) * 1000
                if event["type"] in ("response.created", "response.done"):
                    conversation = event["response"].get("conversation_id") or conversation
                if event["type"] == "response.done":
                    break
            if event["response"]["status"] == "completed" and first_ms is not None:
                result.first_ms.append(first_ms)
            else:
                result.failed += 1
        await asyncio.sleep(0.5)
    return conversation


async def count_stored(http: aiohttp.ClientSession, port: int, result: Result) -> None:
    """Compare what the newest conversation keeps with what a whole answer is."""
    async with http.get(f"http://127.0.0.1:{port}/api/v1/conversations?limit=1") as answer:
        newest = (await answer.json())["conversations"][0]["conversation_id"]
    async with http.get(f"http://127.0.0.1:{port}/api/v1/conversations/{newest}/turns") as answer:
        turns = (await answer.json())["turns"]
    result.stored = len(turns)
    result.lies = sum(turn["state"] == "answered" and len(turn["answer"].split()) < WORDS for turn in turns)


async def measure(questions: int, kind: str) -> list[Result]:
    servers = Servers()
    try:
        await servers.ready()
        with platform(servers, kind) as (port, folder):
            key = await ready(port, folder)
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
                faults = ["none", "dead", "none", "frozen", "none", "limited", "none", "garbage"]
                faults += ["half"] if kind == "llm" else []
                return [await one(fault, servers, http, Asking(port, questions, kind)) for fault in faults]
    finally:
        servers.close()


@dataclass(frozen=True)
class Asking:
    """Where, how often and for what kind of result is asked."""

    port: int
    questions: int
    kind: str


async def called(http: aiohttp.ClientSession, asking: Asking, result: Result) -> None:
    """Ask for speech or embeddings over the public API, one call at a time, as often as a busy call does."""
    for _ in range(asking.questions):
        begun_s = time.perf_counter()
        if await ask_once(http, f"http://127.0.0.1:{asking.port}", asking.kind):
            result.first_ms.append((time.perf_counter() - begun_s) * 1000)
        else:
            result.failed += 1
        await asyncio.sleep(BETWEEN_S)


async def one(fault: str, servers: Servers, http: aiohttp.ClientSession, asking: Asking) -> Result:
    """The questions under one fault, which begins when the first is asked and ends after the last."""
    result, first = Result(fault), servers.processes[0]
    if fault == "dead":
        first.kill()
        first.wait()
    elif fault == "frozen":
        first.send_signal(signal.SIGSTOP)
    else:
        await servers.set(http, "well" if fault == "none" else fault, all_of_them=fault == "half")
    if asking.kind == "llm":
        await asked(http, asking.port, result, asking.questions)
        await count_stored(http, asking.port, result)
    else:
        await called(http, asking, result)
    if fault == "dead":
        await servers.restart_first()
    elif fault == "frozen":
        first.send_signal(signal.SIGCONT)
    else:
        result.calls_of_first = await servers.calls(http)
        await servers.set(http, "well", all_of_them=True)
    if fault not in ("none", "half"):  # the breaker forgets: each fault meets a provider in good standing
        await asyncio.sleep(8)
    return result


def told(results: list[Result], kind: str) -> bool:
    calm_ms = statistics.median(ms for result in results if result.fault == "none" for ms in result.first_ms)
    print(
        f"| first of three providers: {kind} | calls | first result p50 | p95 | later p50 | failed | stored | lies | its calls |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    good = [row(result, calm_ms, turns=kind == "llm") for result in results]
    print(
        f"goal: first result later by <= {GOAL_MS:.0f} ms p50, no failed turn, none stored as complete that is not: {all(good)}"
    )
    return all(good)


def row(result: Result, calm_ms: float, *, turns: bool) -> bool:
    """Print one fault; whether it met the goal. calm_ms: p50 of all questions without a fault."""
    values = sorted(result.first_ms)
    questions = len(values) + result.failed
    times, later_ms = "- | - | -", 0.0
    if values:
        p50, p95 = statistics.median(values), values[int(len(values) * 0.95)]
        later_ms = p50 - calm_ms
        times = f"{p50:.0f} ms | {p95:.0f} ms | {later_ms:+.0f} ms"
    counts = f"{result.failed} | {result.stored} | {result.lies} | {result.calls_of_first}"
    print(f"| {result.fault} | {questions} | {times} | {counts} |")
    well = result.failed == (questions if result.fault == "half" else 0)
    stored = not turns or (result.lies == 0 and result.stored == questions)
    return well and stored and later_ms <= GOAL_MS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--kind", choices=("llm", "stt", "tts", "embed"), default="llm")
    given = parser.parse_args()
    sys.exit(0 if told(asyncio.run(measure(given.questions, given.kind)), given.kind) else 1)
