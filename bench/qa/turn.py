"""What documents add to a voice turn: the same questions with and without them, alternating in one run, until the first words are there.

    python -m bench.qa.turn [--data DIR] [--every 3] [--chunks 20000] [--json FILE]

The model is scripted and begins to answer after 150 ms in every case, so that the difference is the documents' alone: search, judging of
sentences, and for a model that reads, a longer prompt. `prepared`: the question was given to the engine 250 ms earlier, as a turn does at
its pause. --chunks: fill the index with so many further chunks of other texts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
from bench.qa.world import WHOLE, Question, World, articles, data_folder, questions, request, world

from voiceagent.adapters.llm.scripted import ScriptedAnswer, ScriptedLlm
from voiceagent.adapters.vectors.local import LocalVectors
from voiceagent.domain.document import DEFAULT_COLLECTION_ID, Chunk
from voiceagent.domain.reply import ReplyDone, ReplyText
from voiceagent.engine.reply import EngineService
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument

FIRST_TOKEN_S, AHEAD_S = 0.15, 0.25
_CHUNKS_A_DOCUMENT = 100


async def fill(vectors: LocalVectors, model: str, texts: list[str], count: int) -> None:
    """Chunks of shuffled words of the same texts, with vectors of chance: as many words to rank and numbers to compare as real ones."""
    chance, draw = random.Random(7), np.random.default_rng(7)
    words = " ".join(texts).split()
    for number in range(count // _CHUNKS_A_DOCUMENT):
        name = f"doc_filler_{number}"
        rows = draw.standard_normal((_CHUNKS_A_DOCUMENT, 384)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        chunks = []
        for at, row in enumerate(rows):
            text = " ".join(chance.choices(words, k=130))
            chunk = Chunk(f"{name}_{at}", name, DEFAULT_COLLECTION_ID, at, 1, at, at + len(text), text)
            chunks.append(IndexedChunk(chunk, tuple(row.tolist())))
        await vectors.put(WHOLE, model, IndexedDocument(name, DEFAULT_COLLECTION_ID, "Filler"), tuple(chunks))


async def first_words_ms(
    engine: EngineService, question: Question, *, ahead: bool = False
) -> tuple[float, ReplyDone | None]:
    """Milliseconds until the first words of the answer, and its end."""
    asked = request(question, spoken=True)
    if ahead:
        preparing = asyncio.create_task(engine.prepare(asked))
        await asyncio.sleep(AHEAD_S)
        preparing.cancel()
    began, first, done = time.perf_counter(), 0.0, None
    async with aclosing(engine.reply(asked)) as events:
        async for event in events:
            if isinstance(event, ReplyText) and not first:
                first = (time.perf_counter() - began) * 1000
            elif isinstance(event, ReplyDone):
                done = event
    return first, done


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": round(ordered[len(ordered) // 2], 1), "p95": round(ordered[int(len(ordered) * 0.95)], 1)}


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    folder = data_folder(options.data)
    asked = [q for q in questions(folder) if q.tenant == WHOLE][:: options.every]
    llm = ScriptedLlm([ScriptedAnswer(text="It is so.", first_token_s=FIRST_TOKEN_S)])
    with tempfile.TemporaryDirectory() as scratch:
        async with world(folder, Path(scratch)) as run:
            await filled(run, Path(scratch), folder, options.chunks)
            without = run.engine(with_documents=False, llm=llm)
            cases = {
                "without documents": (without, False),
                "a model reads": (run.engine("generate", llm=llm), False),
                "a model reads, prepared": (run.engine("generate", llm=llm), True),
                "told from documents": (run.engine("extract", llm=llm), False),
                "told, prepared": (run.engine("extract", llm=llm), True),
            }
            times: dict[str, list[float]] = {name: [] for name in cases}
            waits: dict[str, list[float]] = {name: [] for name in cases}
            late = dict.fromkeys(cases, 0)
            for question in asked:
                for name, (engine, ahead) in cases.items():
                    ms, done = await first_words_ms(engine, question, ahead=ahead)
                    times[name].append(ms)
                    if done is not None and done.retrieval_ms is not None:
                        waits[name].append(done.retrieval_ms)
                        late[name] += done.retrieval_error is not None
    return {
        name: {
            "turns": len(ms),
            "first words, ms": spread(ms),
            "added, ms": spread([one - base for one, base in zip(ms, times["without documents"], strict=True)]),
            "waited for documents, ms": spread(waits[name]) if waits[name] else None,
            "searches too late": late[name],
        }
        for name, ms in times.items()
    }


async def filled(run: World, scratch: Path, folder: Path, count: int) -> None:
    if count:
        vectors = LocalVectors(scratch / "vectors")
        texts = [paragraph for article in articles(folder).values() for paragraph in article]
        await fill(vectors, run.embedder.capabilities.space, texts, count)
        await vectors.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = asyncio.run(measure(options))
    for name, told in report.items():
        print(name)
        print("   " + "  ".join(f"{key} {value}" for key, value in told.items()))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
