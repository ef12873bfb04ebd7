"""Word errors and time of the cut window against the plain 30 s window: same model, same clips, turn by turn in one run.

    python bench/stt/run.py [--model whisper-tiny.en] [--threads 2] [--sets misc,turns] [--json FILE]

The clips lie in $VOICEAGENT_DATA (or ../shared/data): every transcribed 16 kHz clip of at most 25 s, and the noises.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import ctranslate2
import numpy as np
import soundfile
from words import errors, normalised

from voiceagent.adapters.stt.recogniser import Recogniser, Wish
from voiceagent.adapters.stt.tokens import Vocabulary
from voiceagent.adapters.stt.window import FULL_FRAMES, Floats, features, window
from voiceagent.models.store import ModelStore, default_root

ROOT = Path(__file__).resolve().parents[2]
MAX_S = 25.0


@dataclass(slots=True)
class Tally:
    """What one way of recognising made of a set: word errors and seconds a clip."""

    errors: int = 0
    times_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class SetResult:
    """A set of clips, recognised both ways."""

    words: int = 0
    plain: Tally = field(default_factory=Tally)
    cut: Tally = field(default_factory=Tally)


class PlainWhisper:
    """The usual way: everything padded to 30 s, no guards, no second look."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._model = ctranslate2.models.Whisper(str(folder), compute_type="int8", intra_threads=threads)
        self._vocabulary = Vocabulary(folder / "tokenizer.json", multilingual=self._model.is_multilingual)
        self._prompt = self._vocabulary.prompt("en")

    def hear(self, samples: Floats) -> str:
        view = window(features(samples, self._model.n_mels), FULL_FRAMES)
        (result,) = self._model.generate(ctranslate2.StorageView.from_array(view), [self._prompt], beam_size=1)
        return self._vocabulary.text(result.sequences_ids[0])


def main() -> None:
    options = _options()
    data = Path(os.environ.get("VOICEAGENT_DATA", ROOT.parent / "shared" / "data")) / "audio"
    if not (data / "manifest.jsonl").is_file():
        print("no speech to measure on: set VOICEAGENT_DATA to the folder that holds audio/manifest.jsonl")
        return
    folder = ModelStore(options.models).path(options.model)
    plain, cut = PlainWhisper(folder, options.threads), Recogniser(folder, threads=options.threads)
    wish = Wish("en", "", False, Event())
    results: dict[str, SetResult] = {}
    for name, reference, samples in _clips(data, options.sets):
        result = results.setdefault(name, SetResult())
        result.words += len(reference)
        _measure(result.plain, reference, lambda clip=samples: plain.hear(clip))
        _measure(result.cut, reference, lambda clip=samples: cut.hear(clip, wish).text)
    _print(results)
    invented = [(bool(plain.hear(clip).strip()), bool(cut.hear(clip, wish).text)) for clip in _noises(data)]
    print(
        f"\nnoises with invented words: plain {sum(p for p, _ in invented)}, cut {sum(c for _, c in invented)} of {len(invented)}"
    )
    if options.json:
        options.json.write_text(json.dumps(_plain_data(results), indent=1))


def _options() -> argparse.Namespace:
    local = ROOT / ".cache" / "models"
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument(
        "--models", type=Path, default=local if local.is_dir() else default_root(), help="folder of the store"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sets", type=lambda text: set(text.split(",")), default=set(), help="only these sets")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _measure(tally: Tally, reference: list[str], hear: object) -> None:
    started_s = time.perf_counter()
    text = hear()  # type: ignore[operator]
    tally.times_s.append(time.perf_counter() - started_s)
    tally.errors += errors(reference, normalised(text))


def _clips(data: Path, wanted: set[str]) -> Iterable[tuple[str, list[str], Floats]]:
    for line in (data / "manifest.jsonl").read_text().splitlines():
        clip = json.loads(line)
        name = clip["set"].removeprefix("speech/")
        if clip["sample_rate"] != 16_000 or not clip.get("transcript") or clip["seconds"] > MAX_S:
            continue
        if not wanted or name in wanted:
            yield name, normalised(clip["transcript"]), _samples(data / clip["file"])


def _noises(data: Path) -> Iterable[Floats]:
    for line in (data / "manifest.jsonl").read_text().splitlines():
        clip = json.loads(line)
        if clip["set"] == "noise" and clip["sample_rate"] == 16_000 and not clip.get("speech"):
            yield _samples(data / clip["file"])


def _samples(path: Path) -> Floats:
    return np.asarray(soundfile.read(path, dtype="float32")[0], dtype=np.float32)


def _print(results: dict[str, SetResult]) -> None:
    everything = SetResult()
    for result in results.values():
        everything.words += result.words
        for whole, part in ((everything.plain, result.plain), (everything.cut, result.cut)):
            whole.errors += part.errors
            whole.times_s += part.times_s
    print("| set (clips) | WER 30 s | WER cut | difference | ms a clip, 30 s | cut | cut p95 | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for name, result in [*sorted(results.items()), ("**all**", everything)]:
        print(_row(name, result))


def _row(name: str, result: SetResult) -> str:
    plain, cut = result.plain, result.cut
    wer = [100 * tally.errors / result.words for tally in (plain, cut)]
    mean_ms = [1000 * statistics.fmean(tally.times_s) for tally in (plain, cut)]
    p95_ms = 1000 * float(np.percentile(cut.times_s, 95))
    return (
        f"| {name} ({len(cut.times_s)}) | {wer[0]:.2f} % | {wer[1]:.2f} % | {wer[1] - wer[0]:+.2f} "
        f"| {mean_ms[0]:.0f} | {mean_ms[1]:.0f} | {p95_ms:.0f} | {mean_ms[1] / mean_ms[0]:.2f} |"
    )


def _plain_data(results: dict[str, SetResult]) -> dict[str, object]:
    return {
        name: {
            "words": result.words,
            "plain": {"errors": result.plain.errors, "seconds": result.plain.times_s},
            "cut": {"errors": result.cut.errors, "seconds": result.cut.times_s},
        }
        for name, result in results.items()
    }


if __name__ == "__main__":
    main()
