"""Reads files with one library, inside that library's own environment: `python readers.py NAME LIST OUT`. Imports nothing of ours but for `voiceagent`.

LIST: JSON list of paths.  OUT: one JSON line a file: path, seconds, text or error; the last line has the peak memory in MiB.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

FILE_S = 60
Read = Callable[[str], str]


def markitdown() -> Read:
    from markitdown import MarkItDown

    converter = MarkItDown(enable_plugins=False)
    return lambda path: str(converter.convert(path).text_content)


def unstructured() -> Read:
    from unstructured.partition.auto import partition

    return lambda path: "\n\n".join(str(one) for one in partition(path, strategy="fast"))


def docling() -> Read:
    from docling.document_converter import DocumentConverter

    converter = DocumentConverter()
    return lambda path: str(converter.convert(path).document.export_to_markdown())


def docling_parse() -> Read:
    """Docling's own PDF parser alone: the part that needs no models."""
    from docling_parse.pdf_parser import DoclingPdfParser

    parser = DoclingPdfParser()

    def read(path: str) -> str:
        document = parser.load(path_or_stream=path)
        return "\n".join(line.text for _, page in document.iterate_pages() for line in page.textline_cells)

    return read


def voiceagent() -> Read:
    from voiceagent.documents.formats import HEAD_BYTES, format_of
    from voiceagent.documents.sandbox import Sandbox

    sandbox = Sandbox(ocr="")

    async def text(path: str) -> str:
        data = Path(path).read_bytes()

        async def pieces():  # type: ignore[no-untyped-def]
            yield data

        return (await sandbox.read(pieces(), format_of(path, "", data[:HEAD_BYTES]))).text

    return lambda path: asyncio.run(text(path))


READERS = {
    "voiceagent": voiceagent,
    "markitdown": markitdown,
    "unstructured": unstructured,
    "docling": docling,
    "docling-parse": docling_parse,
}


def main(name: str, listed: str, out: str) -> None:
    started_s = time.perf_counter()
    read = READERS[name]()
    with open(out, "w") as file:
        print(json.dumps({"ready_s": time.perf_counter() - started_s}), file=file, flush=True)
        for path in json.loads(Path(listed).read_text()):
            signal.signal(signal.SIGALRM, _late)
            signal.alarm(FILE_S)
            started_s = time.perf_counter()
            told: dict[str, object] = {"path": path}
            try:
                told["text"] = read(path)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a reader raises is its result
                told["error"] = f"{type(error).__name__}: {error}"[:300]
            finally:
                signal.alarm(0)
            told["seconds"] = time.perf_counter() - started_s
            print(json.dumps(told), file=file, flush=True)
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(json.dumps({"peak_mib": peak / 1024}), file=file)


def _late(_number: int, _frame: object) -> None:
    raise TimeoutError(f"over {FILE_S} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
