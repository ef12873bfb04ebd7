"""Barge-in: how long our agent goes on after the caller's first voiced frame was sent, and whether it answers what was said then.

    python bench/latency/barge_in.py [--times 10] [--url ws://... --key-env NAME] [--out FOLDER]

A caller asks for a long answer in writing, lets it speak for 1.5 s, then speaks over it in real time. Sound that came in counts
until it is silent for good; the agent may not go on with the old answer afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import launch
import numpy as np
import ours
from questions import RATE_HZ, Question, last_voiced, questions
from sound import frames_of, speak

from voiceagent.domain.audio import WIRE_RATE_HZ

ASK = "Tell me about the history of coffee in ten long sentences."
TALKING_S = 1.5
SPOKEN_WITHIN_S = 20.0
OVER_S = 0.3
"""An answer without sound for so long before the caller speaks was over by itself: nothing to interrupt."""
WATCH_S = 1.0
"""After this much of the caller's speech the old answer has long been over, or the barge-in failed."""


@dataclass(slots=True)
class Yield:
    """One barge-in, ms from the caller's first voiced frame: last audible sample received, and the server's speech_started."""

    question: str
    last_sound_ms: float | None
    noticed_ms: float | None
    cancelled: bool


def main() -> None:
    wanted = _arguments()
    over = [one for one in questions() if one.seconds > WATCH_S][: wanted.times]
    with contextlib.ExitStack() as running:
        url, key = (wanted.url, os.environ[wanted.key_env]) if wanted.url else running.enter_context(launch.platform())
        yields = asyncio.run(_measured(url, key, over))
    _printed(yields, wanted.out)


async def _measured(url: str, key: str, over: list[Question]) -> list[Yield]:
    found = []
    for question in over:
        one = await barge_in(url, key, question)
        found.append(one)
        print(
            f"{one.question:<24} last sound {_ms(one.last_sound_ms)}  noticed {_ms(one.noticed_ms)}  cancelled {one.cancelled}"
        )
        await asyncio.sleep(1.0)
    return found


async def barge_in(url: str, key: str, question: Question) -> Yield:
    """One session: an answer on its way, then `question` spoken over it from its first voiced sample on."""
    async with ours.call(url, key) as made:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": ASK}]}
        await made.socket.send_str(json.dumps({"type": "conversation.item.create", "item": item}))
        await made.socket.send_str(json.dumps({"type": "response.create"}))
        microphone = asyncio.create_task(speak(frames_of(bytes(WIRE_RATE_HZ * 60), WIRE_RATE_HZ), made.send_frame))
        try:
            await asyncio.wait_for(made.ear.audible.wait(), SPOKEN_WITHIN_S)
            await asyncio.sleep(TALKING_S)
        except TimeoutError:
            return Yield(question.name, None, None, cancelled=False)
        finally:
            microphone.cancel()
        return await _spoken_over(made, question)


async def _spoken_over(made: ours.Call, question: Question) -> Yield:
    made.times_s.pop("input_audio_buffer.speech_started", None)
    made.done.clear()
    voiced = question.sound[first_voiced(question) :]
    frames = frames_of(ours.wire_pcm(voiced[: int(WATCH_S * RATE_HZ)]), WIRE_RATE_HZ)
    began_s = [0.0]

    def note(number: int, at_s: float) -> None:
        if number == 0:
            began_s[0] = at_s

    await speak(frames, made.send_frame, note)
    noticed_s = made.times_s.get("input_audio_buffer.speech_started")
    last_s = made.ear.last_s or 0.0
    if last_s < began_s[0] - OVER_S:
        return Yield(question.name, None, None, cancelled=False)
    return Yield(
        question.name,
        max(0.0, last_s - began_s[0]) * 1000,
        None if noticed_s is None else (noticed_s - began_s[0]) * 1000,
        cancelled=made.done.is_set() or time.perf_counter() - last_s > WATCH_S / 2,
    )


def first_voiced(question: Question) -> int:
    """The first voiced sample: the rule for the last one, applied backwards in time."""
    return len(question.sound) - last_voiced(question.sound[::-1])


def _printed(yields: list[Yield], folder: Path) -> None:
    values = [one.last_sound_ms for one in yields if one.last_sound_ms is not None]
    results: dict[str, object] = {"yields": [asdict(one) for one in yields], "load_average": os.getloadavg()}
    if values:
        p50, p95 = (round(float(np.percentile(values, at)), 1) for at in (50, 95))
        results |= {"p50_ms": p50, "p95_ms": p95, "max_ms": round(max(values), 1)}
        print(
            f"\nlast agent sample after the caller's first voiced frame: p50 {p50} ms, p95 {p95} ms, max {max(values):.0f} ms (n={len(values)})"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "barge_in.json").write_text(json.dumps(results, indent=1))


def _ms(value: float | None) -> str:
    return "   -   " if value is None else f"{value:4.0f} ms"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--url", help="realtime URL of a running platform")
    parser.add_argument("--key-env", default="VOICEAGENT_API_KEY")
    parser.add_argument("--out", type=Path, default=Path(".cache/bench/latency"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
