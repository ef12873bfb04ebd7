"""An index that was lost whole is built again: what searches find after it, beside what they found before, and what they find meanwhile.

    python -m bench.retrieval.rebuild [--data DIR] [--documents 100] [--every 4] [--stores local weaviate]

DIR holds `qa/xquad-en` (default: $VOICEAGENT_DATA or ../shared/data). The whole document module with MiniLM in this process; `local`: its
folder is removed under it; `weaviate` (from PATH or .cache/bin): every class is deleted under it. The worker is not told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.documents_kit import OWNER, DocumentsKit, documents_kit
from tests.support.servers import WEAVIATE_KEY, weaviate_server

from voiceagent.adapters.embed.minilm import MiniLmEmbedder
from voiceagent.adapters.vectors.weaviate import WeaviateVectors
from voiceagent.adapters.vectors.weaviate import open_vectors as open_weaviate
from voiceagent.documents.service import DocumentService
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.document import SearchQuery
from voiceagent.kit.errors import Problem

TOP = 10


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def found(kit: DocumentsKit, questions: Sequence[str]) -> list[list[str]]:
    return [
        [one.chunk.chunk_id for one in await kit.service.search(OWNER, SearchQuery(text, limit=TOP, deadline_s=30.0))]
        for text in questions
    ]


async def lose(kit: DocumentsKit, folder: Path) -> None:
    if isinstance(kit.parts.vectors, WeaviateVectors):
        for name in await kit.parts.vectors._classes():
            await kit.parts.vectors._call("DELETE", f"/v1/schema/{name}")
    else:
        shutil.rmtree(folder / "vectors")


async def measured(kit: DocumentsKit, folder: Path, texts: Sequence[str], questions: Sequence[str]) -> dict[str, Any]:
    for number, text in enumerate(texts):
        await kit.add(f"text-{number:03}.txt", text)
    await kit.work()
    before = await found(kit, questions)
    await lose(kit, folder)
    began_s = time.perf_counter()
    searches = failed = 0
    await kit.worker.reconcile()
    while await kit.worker.run_one():
        try:
            await found(kit, questions[searches % len(questions) :][:1])
        except Problem:
            failed += 1
        searches += 1
    rebuilt_s = time.perf_counter() - began_s
    after = await found(kit, questions)
    shared = sum(len(set(one) & set(other)) for one, other in zip(before, after, strict=True))
    return {
        "documents": len(texts),
        "questions": len(questions),
        f"recall@{TOP} vs before": round(shared / sum(map(len, before)), 4),
        "same order": round(sum(one == other for one, other in zip(before, after, strict=True)) / len(before), 4),
        "searches meanwhile": searches,
        "failed": failed,
        "rebuilt_s": round(rebuilt_s, 1),
    }


async def run(options: argparse.Namespace) -> None:
    texts = [str(line["text"]) for line in lines(options.data / "qa/xquad-en/corpus.jsonl")][: options.documents]
    questions = [str(line["text"]) for line in lines(options.data / "qa/xquad-en/queries.jsonl")][:: options.every]
    for name in options.stores:
        with tempfile.TemporaryDirectory() as scratch, ExitStack() as servers:
            url = servers.enter_context(weaviate_server()) if name == "weaviate" else ""
            async with documents_kit(Path(scratch)) as plain:
                embedder = MiniLmEmbedder(options.model, polite=False)
                vectors = open_weaviate(url, api_key=WEAVIATE_KEY) if url else plain.parts.vectors
                parts = replace(plain.parts, embedder=embedder, vectors=vectors)
                kit = DocumentsKit(parts, DocumentService(parts), DocumentWorker(parts, name="bench"))
                report = await measured(kit, Path(scratch), texts, questions)
                print(f"{name:9}" + "  ".join(f"{key} {value}" for key, value in report.items()), flush=True)
                await embedder.close()
                await vectors.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(os.environ.get("VOICEAGENT_MODELS", ".cache/models"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOICEAGENT_DATA", "../shared/data")))
    parser.add_argument("--model", type=Path, default=root / "minilm-l6-v2")
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--stores", nargs="*", default=["local", "weaviate"], choices=["local", "weaviate"])
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
