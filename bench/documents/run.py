"""Reading and ingesting documents: pages a second before embedding, a 100-page PDF from upload to ready, a good file beside hostile ones.

    python bench/documents/run.py [--data DIR] [--model DIR] [--only speed fidelity ready beside]

DIR holds `documents/manifest.jsonl` and the files (default: $VOICEAGENT_DATA or ../shared/data).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import re
import statistics
import tempfile
import time
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from tests.hostile.corpus import hostile_files
from tests.support.documents_kit import OWNER, documents_kit, pdf, pieces

from voiceagent.adapters.embed.minilm import MiniLmEmbedder
from voiceagent.documents.formats import FORMATS, HEAD_BYTES, format_of
from voiceagent.documents.parse.blocks import Task
from voiceagent.documents.parse.pdf import reader as pdf_reader
from voiceagent.documents.sandbox import Sandbox
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.documents.worker import DocumentWorker
from voiceagent.kit.errors import Problem

SPEED_RUNS = 5


def handbook(page_count: int, corpus: Path) -> bytes:
    """A digital PDF of full pages, about 420 words each, from the paragraphs of a question-answering set."""
    words = " ".join(json.loads(line)["text"] for line in corpus.read_text().splitlines()).split()
    pages = []
    for number in range(page_count):
        start = number * 397 % max(len(words) - 500, 1)
        lines = [" ".join(words[start + at : start + at + 12]) for at in range(0, 420, 12)]
        pages.append("\n".join([f"Chapter {number + 1}", *lines]))
    return pdf(*pages, size=10)


def plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).lower()).strip()


async def fidelity(folder: Path) -> None:
    """Every file of the test documents: does it end as it should, and are the expected phrases in its text?"""
    sandbox, right, phrases_found, phrases_wanted, times = Sandbox(), 0, 0, 0, []
    entries = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    for entry in entries:
        data = (folder / entry["file"]).read_bytes()
        started_s = time.perf_counter()
        text = ""
        try:
            text = plain((await sandbox.read(pieces(data), format_of(entry["file"], "", data[:HEAD_BYTES]))).text)
        except Problem as problem:
            outcome = problem.code
        else:
            outcome = "ready"
        times.append(time.perf_counter() - started_s)
        lenient = (
            entry.get("may_fail") or entry.get("maybe_unsupported") or entry.get("no_text") or entry.get("needs_ocr")
        )
        right += bool(lenient) or (outcome != "ready") == entry["should_fail"]
        wanted = [plain(one) for one in entry.get("expected_contains", [])] if outcome == "ready" else []
        phrases_found += sum(one in text for one in wanted)
        phrases_wanted += len(wanted)
    print(
        f"files that end as they should: {right} of {len(entries)}; expected phrases found: {phrases_found} of {phrases_wanted}"
    )
    print(f"seconds a file, process included: median {statistics.median(times):.2f}, longest {max(times):.2f}")


async def speed(data: Path) -> None:
    """Pages a second: inside the reader, from file to text in a forked process of its own, and with as many files at a time as there are cores."""
    sandbox, cores = Sandbox(ocr=""), os.cpu_count() or 1
    started_s = time.perf_counter()
    await sandbox.read(pieces(b"Some words."), FORMATS["txt"])
    print(
        f"the first file of a process, with the start of the fork server: {(time.perf_counter() - started_s) * 1000:.0f} ms"
    )
    for name, raw in (
        ("100 pages of 420 words", handbook(100, data / "qa/xquad-en/corpus.jsonl")),
        ("1,200 pages (pdflatex)", (data / "documents/pdf-many-pages/pdflatex-1200-pages.pdf").read_bytes()),
        ("15 pages, three columns", (data / "documents/pdf-multi-column/federal-register-2020-17221.pdf").read_bytes()),
    ):
        gc.collect()
        gc.freeze()  # as in a reader
        cpu_s, started_s = time.process_time(), time.perf_counter()
        count = sum(1 for _ in pdf_reader.read(Task(raw)))
        inside_s, inside_cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
        alone_s = []
        for _ in range(SPEED_RUNS):
            started_s = time.perf_counter()
            await sandbox.read(pieces(raw), FORMATS["pdf"])
            alone_s.append(time.perf_counter() - started_s)
        started_s = time.perf_counter()

        async def lane(raw: bytes = raw) -> None:
            for _ in range(SPEED_RUNS):
                await sandbox.read(pieces(raw), FORMATS["pdf"])

        await asyncio.gather(*(lane() for _ in range(cores)))
        together_s = (time.perf_counter() - started_s) / (cores * SPEED_RUNS)
        print(
            f"{name}: {count / inside_s:.0f} pages/s ({count / inside_cpu_s:.0f} a CPU second); in its process {count / statistics.median(alone_s):.0f}; "
            f"{cores} files at a time {count / together_s:.0f} pages/s"
        )


async def ready(data: Path, model: Path) -> None:
    """A 100-page PDF from upload to found, with the real embedding model."""
    raw = handbook(100, data / "qa/xquad-en/corpus.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        async with documents_kit(Path(folder)) as kit:
            embedder = MiniLmEmbedder(model)
            parts = replace(kit.parts, embedder=embedder)
            service, worker = DocumentService(parts), DocumentWorker(parts, name="bench")
            rss = psutil.Process().memory_info().rss
            cpu_s, started_s = time.process_time(), time.perf_counter()
            document = await service.add(OWNER, Upload("handbook.pdf", "application/pdf", pieces(raw)))
            added_s = time.perf_counter() - started_s
            await worker.run_one()
            whole_s = time.perf_counter() - started_s
            shown = await service.get(OWNER, document.document_id)
            grown = (psutil.Process().memory_info().rss - rss) / 2**20
            print(
                f"100-page PDF ({shown.word_count} words, {shown.kind}): {shown.state} after {whole_s:.1f} s (acknowledged after {added_s * 1000:.0f} ms, "
                f"{time.process_time() - cpu_s:.1f} CPU seconds in this process), memory +{grown:.0f} MiB, load {os.getloadavg()[0]:.1f}"
            )
            await embedder.close()


async def beside() -> None:
    """The same good upload alone and beside eight hostile ones that use all the time they may."""
    slow = (
        "pages-many-attributes.html",
        "pages-misnested.html",
        "pdf_streams-form-calls-itself.pdf",
        "books-deep.epub",
    )
    files = [(name, data) for name, data in hostile_files("http://127.0.0.1:9") if name in slow] * 2
    good = pdf(*["A good page with some words on it. " * 8] * 20)

    async def once(hostile: list[tuple[str, bytes]]) -> float:
        with tempfile.TemporaryDirectory() as folder:
            async with documents_kit(Path(folder)) as kit:
                running = asyncio.ensure_future(kit.worker.run())
                for number, (name, data) in enumerate(hostile):
                    await kit.add(f"{number}-{name}", data)
                await asyncio.sleep(2.0 if hostile else 0.5)
                started_s = time.perf_counter()
                document = await kit.add("good.pdf", good)
                while (await kit.service.get(OWNER, document.document_id)).state != "ready":
                    await asyncio.sleep(0.02)
                took_s = time.perf_counter() - started_s
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                return took_s

    alone = statistics.median([await once([]) for _ in range(3)])
    crowded = statistics.median([await once(files) for _ in range(3)])
    print(
        f"good upload ready alone after {alone:.2f} s, beside {len(files)} hostile ones after {crowded:.2f} s: {crowded / alone:.2f} times"
    )


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default=os.environ.get("VOICEAGENT_DATA", "../shared/data"))
    options.add_argument("--model", default=os.environ.get("VOICEAGENT_MODELS", ".cache/models") + "/minilm-l6-v2")
    options.add_argument("--only", nargs="*", default=["speed", "fidelity", "ready", "beside"])
    chosen = options.parse_args()
    data = Path(chosen.data)
    runs: dict[str, Any] = {
        "speed": lambda: speed(data),
        "fidelity": lambda: fidelity(data / "documents"),
        "ready": lambda: ready(data, Path(chosen.model)),
        "beside": beside,
    }
    for name in chosen.only:
        print(f"== {name}", flush=True)
        await runs[name]()


if __name__ == "__main__":
    asyncio.run(main())
