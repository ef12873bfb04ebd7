"""Recorded questions, where their last voiced sample lies, and room tone to follow them like an open microphone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voiceagent.adapters.vad.silero import open_vad
from voiceagent.domain.audio import VAD_WINDOW_SAMPLES

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 16_000
WANTED = 24
TAIL_S = 12.0
"""Quiet that follows each question; nobody is waited for longer."""
_MISC = ("az-weather", "unmute-seine", "bolna-order")
_STEP = RATE_HZ // 100
_BELOW_SPEECH_DB = 30.0
_OVER_FLOOR_DB = 8.0
_AFTER_VOICE_S = 0.1
Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Question:
    """name: of the recording.  words: what is said.  sound: int16 [n] at 16 kHz up to the last voiced sample.  tail: the quiet after it."""

    name: str
    words: str
    sound: Samples
    tail: Samples

    @property
    def seconds(self) -> float:
        return len(self.sound) / RATE_HZ


def questions(wanted: int = WANTED) -> list[Question]:
    """The first `wanted` of: complete requests, questions to assistants, then one request of each further speaker, in order of name."""
    folder = Path(os.environ.get("VOICEAGENT_DATA", ROOT.parent / "shared" / "data")) / "audio"
    if (folder / "manifest.jsonl").is_file():
        lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
        return [_question(folder / one["file"], one["id"], one["transcript"]) for one in _chosen(lines)[:wanted]]
    own = sorted([*ROOT.glob("tests/data/speech/turn-complete-*.flac"), *ROOT.glob("demo/*.flac")])
    return [_question(file, file.stem, "") for file in own][:wanted]


def _chosen(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    complete = [one for one in lines if str(one["id"]).startswith("turn-complete-")]
    misc = [one for one in lines if one["id"] in _MISC]
    seen = {one["speaker"] for one in complete}
    others = []
    for one in sorted(lines, key=lambda line: str(line["id"])):
        if one["set"] == "speech/voice_commands" and one.get("transcript") and one["speaker"] not in seen:
            seen.add(one["speaker"])
            others.append(one)
    return complete + misc + others


def _question(file: Path, name: str, words: object) -> Question:
    samples, rate_hz = soundfile.read(file, dtype="int16")
    if rate_hz != RATE_HZ:
        raise SystemExit(f"{file.name}: {rate_hz} Hz, not {RATE_HZ}")
    end = last_voiced(samples)
    return Question(name, str(words), samples[:end], _tail(samples[end:], samples))


def last_voiced(samples: Samples) -> int:
    """One past the last voiced sample: README.md says the rule."""
    levels = _levels_dbfs(samples)
    speech, floor = np.percentile(levels, 95), np.percentile(levels, 10)
    threshold = max(speech - _BELOW_SPEECH_DB, floor + _OVER_FLOOR_DB)
    until = (_last_speech_window(samples) + int(_AFTER_VOICE_S * RATE_HZ)) // _STEP
    loud = np.flatnonzero(levels[: until + 1] > threshold)
    return int(loud[-1] + 1) * _STEP if len(loud) else len(samples)


def _levels_dbfs(samples: Samples) -> NDArray[np.float64]:
    steps = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP).astype(np.float64) / 32768
    levels: NDArray[np.float64] = 10 * np.log10(np.square(steps).mean(axis=1) + 1e-10)
    return levels


def _last_speech_window(samples: Samples) -> int:
    stream = open_vad("silero:///").open()
    end = 0
    for at in range(0, len(samples) - VAD_WINDOW_SAMPLES + 1, VAD_WINDOW_SAMPLES):
        if stream.probability(samples[at : at + VAD_WINDOW_SAMPLES].tobytes()) >= 0.5:
            end = at + VAD_WINDOW_SAMPLES
    return end


def _tail(rest: Samples, whole: Samples) -> Samples:
    """What the recording has after the words, then the same forwards and backwards; noise at the level of its quietest tenth if it has little."""
    count = int(TAIL_S * RATE_HZ)
    if len(rest) < RATE_HZ // 2:
        level = 10 ** (min(-60.0, float(np.percentile(_levels_dbfs(whole), 10))) / 20) * 32768
        noise = np.random.default_rng(0).standard_normal(count) * level
        return np.concatenate([rest, np.rint(noise).astype(np.int16)])[:count]
    there_and_back = np.concatenate([rest, rest[::-1]])
    return np.tile(there_and_back, count // len(there_and_back) + 1)[:count]
