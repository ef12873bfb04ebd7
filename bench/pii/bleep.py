"""Personal data that is heard in recordings: real people saying numbers, and our voice saying every kind, before and after the bleep.

    python -m bench.pii.bleep [--data DIR] [--values 30]

Each call is recorded as a session is, bleeped as after a session, and recognised again with the same recogniser, part by part between pauses.
A number is heard when four of its figures in a row are; a name or an e-mail address when the last name is.
--data: the folder with audio/speech_8k/digit_strings; without it only our voice speaks. Ends with 1 when a value is heard after the bleep.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile
import soxr
from bench.security.planted_values import Planted
from numpy.typing import NDArray

from voiceagent.adapters.stt.whisper import open_stt
from voiceagent.adapters.tts.hibari import open_tts
from voiceagent.domain.audio import SPEECH_RATE_HZ
from voiceagent.domain.recording import RAW_FILE, RecordingAbout
from voiceagent.kit.offload import Offload
from voiceagent.models.store import ModelStore, default_root
from voiceagent.ports.speech import SameForAll
from voiceagent.ports.stt import SpeechToText
from voiceagent.ports.tts import TextToSpeech
from voiceagent.voice.bleep.recordings import Bleeper
from voiceagent.voice.bleep.spoken import utterances
from voiceagent.voice.recorder import Recorder
from voiceagent.voice.turn_words import TurnRules

Samples = NDArray[np.int16]
ROOT = Path(__file__).resolve().parents[2]
FIGURES = dict(zip("zero oh one two three four five six seven eight nine".split(), "00123456789", strict=True))
LEAST_FIGURES = 7
"""What a shorter number is, nobody can say by itself."""
NAMES = (
    ("John", "Miller"),
    ("Sarah", "Thompson"),
    ("Martin", "Baker"),
    ("Emily", "Parker"),
    ("Peter", "Walker"),
    ("Anna", "Morgan"),
)
"""That a small recogniser knows: of a name that it does not hear before the bleep nothing is shown."""
SENTENCES = {
    "card": "Yes, of course. My card number is {}. Can you tell me when it will be charged?",
    "phone": "You can call me back. My phone number is {}. I am at home after six.",
    "ssn": "I have it here. My social security number is {}. Do you need anything else?",
    "email": "Please send it to me. My e-mail address is {}. Thank you very much.",
    "person": "Good morning. My name is {}. I would like to ask about the parcel.",
}


@dataclass(frozen=True)
class Case:
    """A call: sound of the caller, what in it is personal (figures, or one word), of which kind."""

    kind: str
    caller: Samples
    value: str


def is_heard(value: str, text: str) -> bool:
    if not value.isdigit():
        return value in re.sub(r"[^a-z]", "", text.lower())
    words = re.findall(r"[a-z]+|\d", text.lower())
    figures = "".join(FIGURES.get(word, word if word.isdigit() else " ") for word in words)
    return any(value[at : at + 4] in figures for at in range(len(value) - 3))


def of_people(data: Path) -> Iterator[Case]:
    """Numbers of real speakers between two sentences."""
    jfk, _ = soundfile.read(ROOT / "tests" / "data" / "speech" / "jfk.flac", dtype="int16")
    pause = np.zeros(SPEECH_RATE_HZ, "<i2")
    for line in (data / "audio" / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if len(entry.get("digits", "")) >= LEAST_FIGURES:
            sound, rate_hz = soundfile.read(data / "audio" / entry["file"], dtype="int16")
            number = np.asarray(soxr.resample(sound, rate_hz, SPEECH_RATE_HZ), "<i2")
            caller = np.concatenate([jfk, pause, number, pause, jfk])
            yield Case("number, real speaker", caller, entry["digits"])


async def of_our_voice(tts: TextToSpeech, count: int) -> list[Case]:
    """Every kind in turn, said by each voice in turn."""
    planted, voices = Planted(), tts.capabilities.voices
    cases: list[Case] = []
    while len(cases) < count:
        value = planted.personal()
        kind = planted.values[-1].kind
        if kind not in SENTENCES:
            continue
        first, last = NAMES[len(cases) % len(NAMES)]
        value = {"person": f"{first} {last}", "email": f"{first}.{last}@example.com".lower()}.get(kind, value)
        said = " ".join(value) if kind in ("card", "phone", "ssn") else value
        voice = voices[len(cases) % len(voices)]
        pieces = [one async for one in tts.synthesize(SENTENCES[kind].format(said), voice=voice)]
        sound = np.concatenate([np.frombuffer(one.pcm, "<i2") for one in pieces])
        caller = np.asarray(soxr.resample(sound, tts.capabilities.rate_hz, SPEECH_RATE_HZ), "<i2")
        looked_for = re.sub(r"\D", "", value) if kind not in ("email", "person") else ""
        cases.append(Case(kind, caller, looked_for or last.lower()))
    return cases


async def recorded(folder: Path, case: Case) -> Path:
    path, writer = folder / "rec_1", Offload("recorder", threads=1)
    about = RecordingAbout("ten_a", "usr_1", "conv_1", datetime.now(UTC))
    recorder = Recorder(path, TurnRules(), writer, None, about)
    recorder.caller(case.caller.tobytes())
    await recorder.close("hung_up")
    writer.close()
    (path / RAW_FILE).touch()
    return path


async def text_of(stt: SpeechToText, pcm: bytes) -> str:
    return " ".join([(await stt.transcribe(part)).text for _, part in utterances(pcm)])


async def measured(options: argparse.Namespace) -> bool:
    stt = open_stt("whisper:///", models=ModelStore(default_root()))
    tts = open_tts("hibari:///")
    cases = [*(of_people(options.data) if options.data else ()), *await of_our_voice(tts, options.values)]
    count: Counter[tuple[str, str]] = Counter()
    missed = []
    for case in cases:
        with tempfile.TemporaryDirectory() as name:
            path = await recorded(Path(name), case)
            bleeper = Bleeper(Path(name), SameForAll(stt, tts))
            bleeper.ended("rec_1")
            assert await bleeper.run_all() == 1
            after = (path / "caller.pcm").read_bytes()
            log = (path / "events.jsonl").read_text()
        before_text, after_text = await text_of(stt, case.caller.tobytes()), await text_of(stt, after)
        count[case.kind, "calls"] += 1
        count[case.kind, "heard before"] += is_heard(case.value, before_text)
        count[case.kind, "words before"] += len(before_text.split())
        count[case.kind, "words after"] += len(after_text.split())
        count[case.kind, "in the log"] += case.value in log
        if is_heard(case.value, after_text):
            count[case.kind, "heard after"] += 1
            missed.append(f"{case.kind}: {case.value} in {after_text!r}, before {before_text!r}")
    columns = ("calls", "heard before", "heard after", "in the log", "words before", "words after")
    print(f"{'':22}" + "".join(f"{column:>14}" for column in columns))
    for kind in dict.fromkeys(case.kind for case in cases):
        print(f"{kind:22}" + "".join(f"{count[kind, column]:>14}" for column in columns))
    for line in missed:
        print("   ", line)
    await stt.close()
    await tts.close()
    return not missed and not sum(count[kind, "in the log"] for kind, _ in count)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--values", type=int, default=30)
    sys.exit(0 if asyncio.run(measured(options.parse_args())) else 1)


if __name__ == "__main__":
    main()
