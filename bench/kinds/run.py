"""Which kind a document is: accuracy on texts of known kinds, read, cut and embedded as an upload is.

    python -m bench.kinds.run [--data DIR] [--model DIR] [--only tuning held_out real sets taught] [--misses]

DIR of --data holds `documents/` with the files that real.txt names, and `qa/<set>/corpus.jsonl` (default: $VOICEAGENT_DATA or ../shared/data);
without it those parts are left out.
--model: a folder with model.onnx and tokenizer.json (default: $VOICEAGENT_MODELS__DIR/minilm-l6-v2).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from voiceagent.adapters.embed.minilm import MiniLmEmbedder
from voiceagent.documents.classify import Classifier, Kind
from voiceagent.documents.formats import HEAD_BYTES, format_of
from voiceagent.documents.ingest import embedded_text
from voiceagent.documents.kinds.examples import EXAMPLES, OTHER
from voiceagent.documents.metadata import title_of
from voiceagent.documents.sandbox import Sandbox
from voiceagent.documents.split import split

HERE = Path(__file__).parent
SURE = 0.5
SETS = {"cranfield": "report", "bank-support": "manual", "xquad-en": OTHER}
OF_EACH_SET = 100
LEAD_CHUNKS = 3
Examples = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A document and what it is. name: of the file, which tells nothing for texts of our own."""

    kind: str
    data: bytes
    name: str = "document.txt"


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of a sample. own_ms, whole_ms: the classifier alone; with the embedding of the first chunks, which ingest does anyway."""

    sample: Sample
    kind: Kind
    own_ms: float
    whole_ms: float


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


def blocks(path: Path) -> list[tuple[str, str]]:
    """The texts of a file, each with the line that stands before it."""
    parts = path.read_text(encoding="utf-8").split("%% ")[1:]
    return [(part.partition("\n")[0].strip(), part.partition("\n")[2].strip() + "\n") for part in parts]


def written(name: str) -> list[Sample]:
    return [Sample(head.split()[0], text.encode()) for head, text in blocks(HERE / f"{name}.txt")]


def real(data: Path) -> list[Sample]:
    pairs = [line.split() for line in (HERE / "real.txt").read_text().splitlines()]
    return [Sample(kind, (data / "documents" / name).read_bytes(), name) for kind, name in pairs]


def of_sets(data: Path) -> list[Sample]:
    """Evenly spread texts of sets that are of one kind each: abstracts of papers, a bank's instructions, encyclopedia articles."""
    samples = []
    for name, kind in SETS.items():
        entries = [json.loads(line) for line in (data / "qa" / name / "corpus.jsonl").read_text().splitlines()]
        texts = [str(one["text"]) for one in entries if str(one["text"]).strip()]
        step = max(len(texts) // OF_EACH_SET, 1)
        samples += [Sample(kind, text.encode()) for text in texts[step // 2 :: step][:OF_EACH_SET]]
    return samples


class Bench:
    """Reads, cuts, embeds and asks, as ingest does."""

    def __init__(self, embedder: MiniLmEmbedder) -> None:
        self._embedder, self._sandbox, self._classifier = embedder, Sandbox(ocr=""), Classifier(embedder)

    async def told(self, sample: Sample, own: Examples) -> Told:
        head = sample.data[:HEAD_BYTES]
        parsed = await self._sandbox.read(pieces(sample.data), format_of(sample.name, "", head))
        title = title_of(parsed, sample.name)
        lead = split(parsed)[:LEAD_CHUNKS]
        started_s = time.perf_counter()
        vectors = await self._embedder.embed(tuple(embedded_text(title, one.heading, one.text) for one in lead))
        embedded_s = time.perf_counter()
        kind = await self._classifier.kind_of(vectors, parsed.text, "txt", own)
        ended_s = time.perf_counter()
        return Told(sample, kind, (ended_s - embedded_s) * 1000, (ended_s - started_s) * 1000)

    async def first_ms(self) -> float:
        """What the first document waits for on top, the model being loaded."""
        lead = await self._embedder.embed(("words",))
        started_s = time.perf_counter()
        await self._classifier.kind_of(lead, "words", "txt", {})
        return (time.perf_counter() - started_s) * 1000

    async def all_told(self, samples: list[Sample], own: Examples) -> list[Told]:
        if samples:
            await self.told(samples[0], own)  # taught examples are embedded once, with the first document
        return [await self.told(sample, own) for sample in samples]


def f1(told: list[Told], label: str) -> float:
    right = sum(one.kind.label == label == one.sample.kind for one in told)
    said = sum(one.kind.label == label for one in told)
    wanted = sum(one.sample.kind == label for one in told)
    return 2 * right / (said + wanted) if said + wanted else 0.0


def share(told: list[Told]) -> str:
    right = sum(one.kind.label == one.sample.kind for one in told)
    return f"{right / len(told):.3f} ({right} of {len(told)})" if told else "- (none)"


def table(told: list[Told], labels: list[str]) -> None:
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for one in told:
        counted[one.sample.kind][one.kind.label] += 1
    print("| is, told as | " + " | ".join(labels) + " | F1 |\n|" + "---|" * (len(labels) + 2))
    for label in labels:
        cells = [str(counted[label][other] or "") for other in labels]
        print(f"| {label} | " + " | ".join(cells) + f" | {f1(told, label):.2f} |")


def summary(name: str, told: list[Told], labels: list[str]) -> None:
    known = [one for one in told if one.kind.label != OTHER]
    sure = [one for one in told if one.kind.confidence >= SURE]
    of_a_kind = [one for one in told if one.sample.kind != OTHER]
    of_none = [one for one in told if one.sample.kind == OTHER]
    print(f"\n## {name}: {len(told)} documents\n")
    table(told, labels)
    present = [label for label in labels if any(one.sample.kind == label for one in told)]
    print(f"\naccuracy {share(told)}, macro F1 {sum(f1(told, label) for label in present) / len(present):.3f}")
    print(f"where a kind is named: right {share(known)}; confidence of {SURE} and more: right {share(sure)}")
    print(
        f"told as other: {sum(one.kind.label == OTHER for one in told) / len(told):.3f} of all, "
        f"{sum(one.kind.label == OTHER for one in of_a_kind)} of {len(of_a_kind)} with a kind, "
        f"{sum(one.kind.label == OTHER for one in of_none)} of {len(of_none)} without"
    )
    for least, most in ((0.0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.01)):
        print(f"confidence {least:.1f} to {min(most, 1):.1f}: right", end=" ")
        print(share([one for one in told if least <= one.kind.confidence < most]))
    print(
        f"ms a document: {statistics.median(one.own_ms for one in told):.2f} for the kind, "
        f"{statistics.median(one.whole_ms for one in told):.1f} with the embedding of its first chunks (medians)"
    )


def misses(told: list[Told]) -> None:
    for one in told:
        if one.kind.label != one.sample.kind:
            first = " / ".join(one.sample.data.decode("utf-8", "replace").split("\n")[:3])
            shown = first if one.sample.name == "document.txt" else one.sample.name
            print(f"  {one.sample.kind} told as {one.kind.label} {one.kind.confidence}: {shown[:90]}")


async def taught(bench: Bench, halves: list[str], show: bool) -> None:
    """Labels taught by two or three short examples each: are their documents found, and are those of the built-in kinds left alone?"""
    for half in halves:
        examples: dict[str, tuple[str, ...]] = {}
        samples = []
        for head, text in blocks(HERE / "taught.txt"):
            role, of, label = head.split(" ", 2)
            if of == half and role == "example":
                examples[label] = (*examples.get(label, ()), text.strip())
            elif of == half:
                samples.append(Sample(label, text.encode()))
        told = await bench.all_told(samples, examples)
        built_in = [one for one in written(half) if one.kind != OTHER]
        taken = sum(one.kind.label in examples for one in await bench.all_told(built_in, examples))
        print(f"\ntaught, {half}: {', '.join(examples)}: found {share(told)}; ", end="")
        print(f"documents of built-in kinds taken by them: {taken} of {len(built_in)}")
        if show and half != "held_out":
            misses(told)


async def main() -> None:
    models = Path(os.environ.get("VOICEAGENT_MODELS__DIR", ".cache/models"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOICEAGENT_DATA", "../shared/data")))
    parser.add_argument("--model", type=Path, default=models / "minilm-l6-v2")
    parser.add_argument("--only", nargs="*", default=["tuning", "held_out", "real", "sets", "taught"])
    parser.add_argument("--misses", action="store_true")
    asked = parser.parse_args()
    embedder = MiniLmEmbedder(asked.model, polite=False)
    bench, labels = Bench(embedder), [*EXAMPLES, OTHER]
    print(f"once in a process: {await bench.first_ms():.0f} ms to embed the examples of the built-in kinds")
    for name in asked.only:
        if name == "taught":
            await taught(bench, [half for half in ("tuning", "held_out") if half in asked.only], asked.misses)
            continue
        if name in ("real", "sets") and not asked.data.is_dir():
            continue
        samples = {"real": real, "sets": of_sets}[name](asked.data) if name in ("real", "sets") else written(name)
        told = await bench.all_told(samples, {})
        summary(name, told, labels)
        if asked.misses and name != "held_out":
            misses(told)
    await embedder.close()


if __name__ == "__main__":
    asyncio.run(main())
