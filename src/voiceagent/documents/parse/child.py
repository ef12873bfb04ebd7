"""A forked child: locks itself in, reads the one file it was given, and is gone. Knows nothing of the fork server and of other files.

Lines out: `{"jail": ...}` first, `{"page": n, "text": ..., "spans": [[kind, level, start, end] ...], "size": [width, height], "boxes": [[start, end,
x0, y0, x1, y1] ...]}` a page, then `{"end": ...}` or `{"failure": ...}`.
"""

from __future__ import annotations

import gc
import json
from dataclasses import asdict
from typing import IO, Any

from voiceagent.documents.parse import docx, epub, html, jail, mail, odf, office, text
from voiceagent.documents.parse.blocks import Block, Limits, PageBlocks, Reader, ReadFailure, Task
from voiceagent.documents.parse.clean import clean
from voiceagent.documents.parse.pdf import reader as pdf
from voiceagent.documents.parse.places import Box, boxes_of

_encoded = json.JSONEncoder(separators=(",", ":")).encode
_COLLECT_AFTER = 20_000
"""Objects more than before, until the collector of cycles looks through them: with Python's 700 it takes a tenth of a long file's time."""

READERS: dict[str, Reader] = {
    "pdf": pdf.read,
    "docx": docx.read,
    "pptx": office.read_slides,
    "xlsx": office.read_sheets,
    "odt": odf.read,
    "epub": epub.read,
    "html": html.read,
    "md": text.read_markdown,
    "txt": text.read,
    "eml": mail.read,
}


def read_one(file: IO[bytes], asked: bytes, out: IO[bytes]) -> None:
    """Read `file` as asked and write what it holds as lines. Never raises for a file: every failure is a line.

    asked: JSON with format, limits, password ("" for none) and ocr (path of the recogniser of scanned pages, "" for none).
    """
    request = json.loads(asked)
    limits = Limits(**request["limits"])
    gc.set_threshold(_COLLECT_AFTER)
    locks = jail.enter(limits, may_execute=bool(request["ocr"]))
    _write(out, {"jail": asdict(locks)})
    try:
        task = Task(file.read(), request["password"], request["ocr"], limits)
        _write(out, {"end": _run(READERS[request["format"]], task, out)})
    except ReadFailure as failure:
        _write(out, {"failure": failure.code, "message": failure.message})
    except (MemoryError, RecursionError):
        message = "the file needs more memory or depth than one document may use"
        _write(out, {"failure": "too_complex", "message": message})
    except Exception:  # noqa: BLE001 - the boundary to parsers of hostile input: whatever they raise, the file is at fault
        _write(out, {"failure": "damaged", "message": "the file is damaged and cannot be read"})


def _run(read: Reader, task: Task, out: IO[bytes]) -> dict[str, Any]:
    if not task.data:
        raise ReadFailure("empty_file", "the file has no bytes")
    written_bytes = 0
    for number, blocks in enumerate(read(task), start=1):
        if number > task.limits.pages:
            raise ReadFailure("too_many_pages", f"the document has more than {task.limits.pages} pages")
        page = _page(number, blocks, task)
        written_bytes += len(page["text"].encode("utf-8"))
        if written_bytes > task.limits.text_bytes:
            raise ReadFailure("too_much_text", "the document holds more text than one document may")
        _write(out, page)
    if written_bytes == 0:
        raise ReadFailure("no_text", "there is no text in it; scanned pages need text recognition")
    properties = {name: clean(value, task.hidden)[:500] for name, value in task.properties.items() if value.strip()}
    return {"properties": properties, "hidden": {kind: count for kind, count in task.hidden.items() if count}}


def _page(number: int, blocks: list[Block], task: Task) -> dict[str, Any]:
    parts: list[str] = []
    spans: list[tuple[str, int, int, int]] = []
    boxes: list[Box] = []
    position = 0
    for block in blocks:
        raw = block.text if block.text.isascii() else block.text.encode("utf-8", "ignore").decode("utf-8")
        prepared = clean(raw, task.hidden)
        if not prepared:
            continue
        spans.append((block.kind, block.level, position, position + len(prepared)))
        if block.lines:
            boxes += boxes_of(block, prepared, position)
        parts.append(prepared)
        position += len(prepared) + 2
    page = {"page": number, "text": "\n\n".join(parts), "spans": spans}
    if isinstance(blocks, PageBlocks):
        page |= {"size": (round(blocks.width, 1), round(blocks.height, 1)), "boxes": boxes}
    return page


def _write(out: IO[bytes], line: dict[str, Any]) -> None:
    out.write(_encoded(line).encode("ascii"))
    out.write(b"\n")
    out.flush()
