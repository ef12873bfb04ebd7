"""Retrieval on judged sets: words alone, meaning alone and both, side by side in one run; then the time of a search at size.

    python bench/retrieval/run.py [--data DIR] [--sizes 20000 200000] [--sets cranfield bank-support xquad-en]
                                  [--compute whole floats] [--open] [--json FILE]

The index is sealed, as in the product; --open leaves it as it is.
DIR holds `qa/<set>/{corpus,queries}.jsonl, qrels.tsv` (default: $VOICEAGENT_DATA or ../shared/data).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.embed.minilm import MiniLmEmbedder
from voiceagent.adapters.keys.roots import open_keys
from voiceagent.adapters.vectors.local import LocalVectors
from voiceagent.documents.ingest import embedded_text
from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.split import split
from voiceagent.domain.document import Chunk, Page
from voiceagent.ports.embed import Embedder
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument, SearchMode, VectorQuery

MODES: tuple[SearchMode, ...] = ("words", "meaning", "fused")
DEPTH = 60
Judgements = dict[str, dict[str, int]]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def judgements(path: Path) -> Judgements:
    judged: Judgements = {}
    for line in path.read_text().splitlines()[1:]:
        query_id, document_id, score = line.split("\t")
        judged.setdefault(query_id, {})[document_id] = int(score)
    return judged


async def indexed(store: LocalVectors, embedder: Embedder, corpus: list[dict[str, Any]], tenant: str) -> int:
    """Put every document of a set into the index; returns the number of chunks."""
    total = 0
    for entry in corpus:
        text, title = str(entry["text"]), str(entry.get("title", ""))
        pieces = split(ParsedDocument(text, (Page(1, text, 0),), ()))
        if not pieces:
            continue
        vectors = await embedder.embed(tuple(embedded_text(title, piece.heading, piece.text) for piece in pieces))
        document_id = str(entry["id"])
        chunks = tuple(
            IndexedChunk(
                Chunk(f"{document_id}#{at}", document_id, "col", at, 1, piece.start, piece.end, piece.text), vector
            )
            for at, (piece, vector) in enumerate(zip(pieces, vectors, strict=True))
        )
        await store.put(tenant, "minilm", IndexedDocument(document_id, "col", title), chunks)
        total += len(chunks)
    return total


def ndcg(ranked: list[str], judged: dict[str, int]) -> float:
    gains = [(2 ** judged.get(document_id, 0) - 1) / math.log2(at + 2) for at, document_id in enumerate(ranked[:10])]
    ideal = sorted((score for score in judged.values() if score > 0), reverse=True)[:10]
    return sum(gains) / sum((2**score - 1) / math.log2(at + 2) for at, score in enumerate(ideal))


async def judged_run(store: LocalVectors, embedder: Embedder, folder: Path) -> dict[str, Any]:
    corpus, queries, judged = (
        lines(folder / "corpus.jsonl"),
        lines(folder / "queries.jsonl"),
        judgements(folder / "qrels.tsv"),
    )
    tenant = f"set_{folder.name}"
    cpu_s = time.process_time()
    chunks = await indexed(store, embedder, corpus, tenant)
    cpu_s = time.process_time() - cpu_s
    scores: dict[str, list[tuple[float, float]]] = {mode: [] for mode in MODES}
    for entry in queries:
        relevant = {one: score for one, score in judged.get(str(entry["id"]), {}).items() if score > 0}
        left_out = {one for one, score in judged.get(str(entry["id"]), {}).items() if score <= 0}
        if not relevant:
            continue
        vector = (await embedder.embed((str(entry["text"]),), query=True))[0]
        for mode in MODES:
            query = VectorQuery(str(entry["text"]), vector, ("col",), "bench", limit=DEPTH, mode=mode)
            found = await store.search(tenant, "minilm", query)
            ranked = [
                one for one in dict.fromkeys(passage.chunk.document_id for passage in found) if one not in left_out
            ]
            recall = len(set(ranked[:10]) & set(relevant)) / len(relevant)
            scores[mode].append((ndcg(ranked, relevant), recall))
    result: dict[str, Any] = {
        "set": folder.name,
        "documents": len(corpus),
        "chunks": chunks,
        "queries": len(scores["fused"]),
        "cpu_ms_a_chunk": cpu_s / chunks * 1000,
    }
    for mode in MODES:
        result[mode] = {
            "ndcg@10": float(np.mean([one for one, _ in scores[mode]])),
            "recall@10": float(np.mean([one for _, one in scores[mode]])),
        }
    return result


def made_chunks(data: Path, count: int, seed: int = 7) -> tuple[list[str], np.ndarray]:
    """Texts of about 140 words from real sentences and rare words by Zipf's law; unit vectors in clusters, as real ones lie."""
    generator = random.Random(seed)
    sentences = []
    for name in ("cranfield", "bank-support", "xquad-en"):
        for entry in lines(data / "qa" / name / "corpus.jsonl"):
            sentences += [one for one in re.split(r"(?<=[.!?])\s+", str(entry["text"])) if len(one.split()) > 4]
    texts = []
    for _ in range(count):
        parts: list[str] = []
        words = 0
        while words < 130:
            parts.append(generator.choice(sentences))
            words += len(parts[-1].split())
        rare = " ".join(f"term{int(generator.paretovariate(0.6)) % 400_000}" for _ in range(10))
        texts.append(" ".join([*parts, rare]))
    noise = np.random.default_rng(seed)
    centres = noise.normal(size=(max(count // 200, 1), 384)).astype(np.float32)
    vectors = centres[noise.integers(0, len(centres), count)] + 0.9 * noise.normal(size=(count, 384)).astype(np.float32)
    return texts, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def opened(folder: Path, *, sealed: bool) -> LocalVectors:
    root = folder / "keys"
    root.mkdir(exist_ok=True)
    ring = open_keys(f"file://{root}/root.key", ring=open_blobs(f"file://{root}/ring"))
    return LocalVectors(folder / "index", ring if sealed else None)


async def timed_run(make: Callable[[], LocalVectors], embedder: Embedder, data: Path, size: int) -> dict[str, Any]:
    """Time of whole searches, each question new: embedding included and apart. Before them, the first search of a process."""
    store = make()
    texts, vectors = made_chunks(data, size)
    started_s = time.perf_counter()
    per_document = 50
    for at in range(0, size, per_document):
        document_id = f"doc_{at}"
        chunks = tuple(
            IndexedChunk(
                Chunk(f"{document_id}#{n}", document_id, f"col_{at // per_document % 10}", n, 1, 0, len(text), text),
                tuple(vector),
            )
            for n, (text, vector) in enumerate(
                zip(texts[at : at + per_document], vectors[at : at + per_document].tolist(), strict=True)
            )
        )
        await store.put(
            f"size_{size}",
            "minilm",
            IndexedDocument(document_id, f"col_{at // per_document % 10}", f"Document {at}"),
            chunks,
        )
    result: dict[str, Any] = {"chunks": size, "put_chunks_per_s": size / (time.perf_counter() - started_s)}
    questions = [
        str(one["text"])
        for name in ("cranfield", "bank-support", "xquad-en")
        for one in lines(data / "qa" / name / "queries.jsonl")
    ]
    random.Random(3).shuffle(questions)
    await store.close()
    store, first_s = make(), time.perf_counter()
    vector = (await embedder.embed(("a first question",), query=True))[0]
    everything_at_once = VectorQuery("a first question", vector, tuple(f"col_{at}" for at in range(10)), "bench")
    await store.search(f"size_{size}", "minilm", everything_at_once)
    result["first_search_ms"] = (time.perf_counter() - first_s) * 1000
    everything, some = tuple(f"col_{at}" for at in range(10)), ("col_1", "col_4", "col_7")
    exact_hits, exact_wanted = 0, 0
    for name, collections in (("all", everything), ("filtered", some)):
        search_ms, embed_ms, cpu_ms = [], [], []
        for text in questions[:200]:
            began_s = time.perf_counter()
            vector = (await embedder.embed((text,), query=True))[0]
            embedded_s = time.perf_counter()
            query = VectorQuery(text, vector, collections, "bench", limit=10)
            cpu_s = time.process_time()
            await store.search(f"size_{size}", "minilm", query)
            cpu_ms.append((time.process_time() - cpu_s) * 1000)
            search_ms.append((time.perf_counter() - embedded_s) * 1000)
            embed_ms.append((embedded_s - began_s) * 1000)
        result[name] = {f"p{share}_ms": float(np.percentile(search_ms, share)) for share in (50, 95, 99)}
        result[name] |= {f"cpu_p{share}_ms": float(np.percentile(cpu_ms, share)) for share in (50, 95)}
        result.setdefault(  # the second time they are remembered
            "embed_question",
            {"p50_ms": float(np.percentile(embed_ms, 50)), "p95_ms": float(np.percentile(embed_ms, 95))},
        )
    for at in range(0, size, max(size // 100, 1)):
        noisy = vectors[at] + 0.05 * np.random.default_rng(at).normal(size=384)
        noisy /= np.linalg.norm(noisy)
        query = VectorQuery("", tuple(noisy.tolist()), everything, "bench", limit=10)
        found = await store.search(f"size_{size}", "minilm", replace(query, mode="meaning"))
        best = set(np.argsort(-(vectors @ noisy))[:10].tolist())
        got = {int(one.chunk.document_id[4:]) + one.chunk.ordinal for one in found}
        exact_hits, exact_wanted = exact_hits + len(best & got), exact_wanted + len(best)
    result["meaning_recall@10_of_exact"] = exact_hits / exact_wanted
    await store.close()
    return result


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default=os.environ.get("VOICEAGENT_DATA", "../shared/data"))
    options.add_argument("--model", default=os.environ.get("VOICEAGENT_MODELS", ".cache/models") + "/minilm-l6-v2")
    options.add_argument("--sets", nargs="*", default=["cranfield", "bank-support", "xquad-en"])
    options.add_argument("--sizes", nargs="*", type=int, default=[20_000, 200_000])
    options.add_argument("--compute", choices=["whole", "floats"], default="whole", help="what MiniLM multiplies")
    options.add_argument("--open", action="store_true", help="do not seal the index")
    options.add_argument("--json")
    chosen = options.parse_args()
    data = Path(chosen.data)
    embedder = MiniLmEmbedder(Path(chosen.model), polite=False, whole=chosen.compute == "whole")
    results: dict[str, Any] = {"judged": [], "timed": []}
    with tempfile.TemporaryDirectory() as folder:
        store = opened(Path(folder), sealed=not chosen.open)
        for name in chosen.sets:
            result = await judged_run(store, embedder, data / "qa" / name)
            results["judged"].append(result)
            print(
                f"{name}: {result['documents']} documents, {result['chunks']} chunks, {result['queries']} queries; "
                f"{result['cpu_ms_a_chunk']:.1f} CPU ms to embed and index a chunk"
            )
            for mode in MODES:
                print(
                    f"  {mode:8} nDCG@10 {result[mode]['ndcg@10']:.4f}  recall@10 {result[mode]['recall@10']:.4f}",
                    flush=True,
                )
        for size in chosen.sizes:
            result = await timed_run(lambda: opened(Path(folder), sealed=not chosen.open), embedder, data, size)
            results["timed"].append(result)
            print(json.dumps(result, indent=1), flush=True)
        await store.close()
    await embedder.close()
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
