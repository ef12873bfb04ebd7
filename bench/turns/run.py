"""Turn taking on recorded speech: how soon is a finished turn answered, how often is an unfinished one cut off?

    python -m bench.turns.run [--data ../shared/data] [--eagerness auto] [--json out.json]

Every file goes through the real detector, the real end-of-turn model, the real recogniser and the real turn machine. Time is
virtual: recognition and judgement take the stated time whatever this machine does, so that two runs give the same figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tests.support.virtual_time import run as run_virtual

from voiceagent.adapters.stt.whisper import open_stt
from voiceagent.adapters.turns.smartturn import open_turns
from voiceagent.adapters.vad.silero import open_vad
from voiceagent.models.store import ModelStore
from voiceagent.voice import turn_words as turn
from voiceagent.voice.segment import Edge, SegmentRules
from voiceagent.voice.speech_in.stream import SpeechIn
from voiceagent.voice.turn import next_wake_s, step

STT_S, JUDGE_S = 0.12, 0.05
FRAME_BYTES = 640
PADDING_S = 0.3


class Models:
    """The real models, called from a loop of their own; answers are kept, since rules are tried again and again."""

    def __init__(self, store: ModelStore) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.vad = open_vad("silero:///")
        self._stt = open_stt("whisper:///", models=store, threads=2)
        self._turns = open_turns("smartturn:///", models=store)
        self._kept: dict[tuple[str, int], Any] = {}

    def words(self, pcm: bytes) -> str:
        return str(self._once("words", pcm, lambda: self._stt.transcribe(pcm, language="en")).text)

    def judge(self, pcm: bytes) -> float:
        return float(self._once("judge", pcm, lambda: self._turns.probability(pcm)))

    def _once(self, kind: str, pcm: bytes, call: Any) -> Any:
        key = (kind, hash(pcm))
        if key not in self._kept:
            future: Future[Any] = asyncio.run_coroutine_threadsafe(call(), self._loop)
            self._kept[key] = future.result(120)
        return self._kept[key]


@dataclass
class Heard:
    """What the machine did with one file: commits as (seconds, text), pauses as (seconds, probability, text)."""

    commits: list[tuple[float, str]] = field(default_factory=list)
    pauses: list[tuple[float, float | None, str]] = field(default_factory=list)
    drafts: int = 0


async def hear(models: Models, pcm: bytes, rules: turn.TurnRules) -> Heard:
    loop, heard, state = asyncio.get_running_loop(), Heard(), turn.TurnState(rules=rules)
    timer: asyncio.TimerHandle | None = None
    tasks: set[asyncio.Task[None]] = set()

    def happen(event: turn.TurnEvent) -> None:
        nonlocal state, timer
        state, effects = step(state, event)
        for effect in effects:
            perform(effect)
        if timer:
            timer.cancel()
        wake_s = next_wake_s(state)
        if wake_s is not None:
            timer = loop.call_later(
                max(0.0, wake_s - loop.time()), lambda: happen(turn.Ticked(max(wake_s, loop.time())))
            )

    def perform(effect: turn.TurnEffect) -> None:
        match effect:
            case turn.OpenTurn(_, start_s):
                speech.open(start_s - PADDING_S)
            case turn.Transcribe(revision):
                start(transcribe(revision))
            case turn.JudgeEnd(revision):
                start(judge(revision))
            case turn.CommitTurn(text):
                heard.commits.append((loop.time(), text))
                speech.close()
                # the answer is short and silent here: the machine's ear is under test
                loop.call_soon(lambda: happen(turn.ReplyFinished(loop.time(), state.reply_no)))
            case turn.DropTurn():
                speech.close()
            case turn.StartReply():
                heard.drafts += 1

    def start(work: Any) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def transcribe(revision: int) -> None:
        text = models.words(speech.turn_pcm())
        await asyncio.sleep(STT_S)
        heard.pauses.append((loop.time(), None, text))
        happen(turn.Transcribed(loop.time(), revision, text))

    async def judge(revision: int) -> None:
        probability = models.judge(speech.turn_pcm(last_s=8.0))
        await asyncio.sleep(JUDGE_S)
        heard.pauses.append((loop.time(), probability, ""))
        happen(turn.EndJudged(loop.time(), revision, probability))

    def on_edge(edge: Edge) -> None:
        if edge.kind == "started":
            happen(turn.SpeechBegan(loop.time(), edge.at_s))
        else:
            happen(turn.SpeechPaused(loop.time(), edge.at_s))

    speech = SpeechIn(models.vad.open(), SegmentRules(), on_edge)
    for start_byte in range(0, len(pcm), FRAME_BYTES):
        await asyncio.sleep(FRAME_BYTES / 32000)
        speech.push(pcm[start_byte : start_byte + FRAME_BYTES])
        while speech.hear_window():
            pass
    await asyncio.sleep(0.001)
    if timer:
        timer.cancel()
    for task in tasks:
        task.cancel()
    return heard


def entries(data: Path) -> Iterator[dict[str, Any]]:
    for line in (data / "audio" / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["set"] == "turns":
            yield entry
        elif entry["set"] in ("speech/librispeech_clean", "speech/misc", "speech/voice_commands") and entry.get(
            "speech_est"
        ):
            yield {**entry, "kind": entry["set"].split("/")[1], "turn_end": entry["speech_est"][1], "tail_s": 2.5}


def sound(data: Path, entry: dict[str, Any]) -> bytes:
    samples, rate_hz = soundfile.read(data / "audio" / entry["file"], dtype="int16")
    assert rate_hz == 16000
    if tail_s := entry.get("tail_s"):
        samples = np.concatenate([samples, np.zeros(int(tail_s * 16000), np.int16)])
    return bytes(samples.astype("<i2").tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOICEAGENT_DATA", "../shared/data")))
    parser.add_argument("--models", type=Path, default=Path(".cache/models"))
    parser.add_argument("--eagerness", default="auto")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--every", type=int, default=1, help="of the reading sets take every n-th file")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    models = Models(ModelStore(options.models))
    rules = turn.TurnRules(eagerness=options.eagerness)
    rows: dict[str, list[dict[str, Any]]] = {}
    for index, entry in enumerate(entries(options.data)):
        kind = entry["kind"]
        if options.kinds and kind not in options.kinds.split(","):
            continue
        if entry["set"] != "turns" and index % options.every:
            continue
        heard = run_virtual(hear(models, sound(options.data, entry), rules))
        row = judged(entry, heard)
        rows.setdefault(kind, []).append(row)
        if options.v or row["bad"]:
            print(entry["id"], row["note"], [(round(at, 2), text) for at, text in heard.commits])
            print("    pauses:", [(round(at, 2), p and round(p, 2), text) for at, p, text in heard.pauses][-8:])
    report(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def judged(entry: dict[str, Any], heard: Heard) -> dict[str, Any]:
    """early: commits before a turn's end.  delays: seconds from the end of each turn to the commit that ends it."""
    commits = [at for at, _ in heard.commits]
    if entry["kind"] == "incomplete":
        first = commits[0] - entry["speech_stops"] if commits else None
        return row(entry, heard, early=len(commits[:1]), delays=[], note=f"answered after {first}")
    if entry["kind"] == "three-turn-session":
        ends = [part["end"] for part in entry["turns"]]
        starts = [*(part["start"] for part in entry["turns"][1:]), float("inf")]
        found = [
            [at - end for at in commits if end - 0.1 <= at < start][:1] for end, start in zip(ends, starts, strict=True)
        ]
        delays = [delay for delays in found for delay in delays]
        return row(entry, heard, early=len(commits) - len(delays), delays=delays, note="session")
    end = entry["turn_end"]
    early = sum(at < end - 0.15 for at in commits)
    return row(entry, heard, early=early, delays=[at - end for at in commits[early:]][:1], note=f"early {early}")


def row(entry: dict[str, Any], heard: Heard, *, early: int, delays: list[float], note: str) -> dict[str, Any]:
    bad = early > 0 or (not delays and entry["kind"] != "incomplete")
    return {"id": entry["id"], "early": early, "delays": delays, "bad": bad, "note": note, "drafts": heard.drafts}


def report(rows: dict[str, list[dict[str, Any]]]) -> None:
    print(f"{'kind':24}{'files':>6}{'cut off':>9}{'no end':>8}{'p50 s':>8}{'p95 s':>8}{'max s':>8}{'drafts':>8}")
    for kind, found in sorted(rows.items()):
        delays = sorted(delay for row in found for delay in row["delays"])
        cut = sum(row["early"] > 0 for row in found)
        missing = 0 if kind == "incomplete" else sum(not row["delays"] for row in found)
        drafts = statistics.mean(row["drafts"] for row in found)
        figures = "".join(f"{value:8.2f}" for value in spread(delays)) if delays else f"{'-':>8}" * 3
        print(f"{kind:24}{len(found):6}{cut:9}{missing:8}{figures}{drafts:8.1f}")


def spread(delays: list[float]) -> tuple[float, float, float]:
    return statistics.median(delays), delays[int(0.95 * (len(delays) - 1))], delays[-1]


if __name__ == "__main__":
    main()
