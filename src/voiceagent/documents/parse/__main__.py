"""The child process: `python -I -m voiceagent.documents.parse FORMAT OPTIONS`. The file comes on standard input, JSON lines go out.

Lines: `{"jail": ...}` first, `{"page": n, "text": ..., "spans": [[kind, level, start, end] ...], "size": [width, height], "boxes": [[start, end,
x0, y0, x1, y1] ...]}` a page, then `{"end": ...}` or `{"failure": ...}`.
"""

from __future__ import annotations

import codecs
import json
import os
import sys
from dataclasses import asdict
from importlib import import_module
from typing import IO, Any

from voiceagent.documents.parse import jail
from voiceagent.documents.parse.blocks import Block, Limits, PageBlocks, Reader, ReadFailure, Task
from voiceagent.documents.parse.clean import clean
from voiceagent.documents.parse.places import Box, boxes_of

READERS = {
    "pdf": "pdf.reader",
    "docx": "docx",
    "pptx": "office",
    "xlsx": "office",
    "odt": "odf",
    "epub": "epub",
    "html": "html",
    "md": "text",
    "txt": "text",
    "eml": "mail",
}
_ENTRY = {"pptx": "read_slides", "xlsx": "read_sheets", "md": "read_markdown"}
_ENCODINGS = (
    "ascii cp437 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 latin-1 iso8859-2 iso8859-5 iso8859-7 iso8859-9 iso8859-15 koi8-r "
    "utf-8 utf-8-sig utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be unicode-escape raw-unicode-escape "
    "shift_jis euc-jp iso2022_jp euc-kr gb18030 gb2312 gbk big5 mac-roman"
).split()
"""Python loads an encoding when it is first needed; behind the locks it no longer can."""


def main(arguments: list[str]) -> int:
    """Read one file and write what it holds. Never raises: every failure is a line."""
    os.setpgid(
        0, 0
    )  # a group of its own, to be killed whole; not a session, which would have a share of the CPU of its own
    options = json.loads(arguments[1])
    limits = Limits(**options["limits"])
    out = sys.stdout
    # Importing only the reader that the format needs halves the start; after the jail is shut nothing can be imported at ease.
    module = import_module(f"voiceagent.documents.parse.{READERS[arguments[0]]}")
    read: Reader = getattr(module, _ENTRY.get(arguments[0], "read"))
    for name in _ENCODINGS:
        codecs.lookup(name)
    locks = jail.enter(limits, may_execute=bool(options.get("ocr")))
    _write(out, {"jail": asdict(locks)})
    try:
        task = Task(sys.stdin.buffer.read(), options.get("password", ""), options.get("ocr", ""), limits)
        _write(out, {"end": _run(read, task, out)})
    except ReadFailure as failure:
        _write(out, {"failure": failure.code, "message": failure.message})
    except (MemoryError, RecursionError):
        _write(
            out, {"failure": "too_complex", "message": "the file needs more memory or depth than one document may use"}
        )
    except Exception:  # noqa: BLE001 - the boundary to parsers of hostile input: whatever they raise, the file is at fault
        _write(out, {"failure": "damaged", "message": "the file is damaged and cannot be read"})
    return 0


def _run(read: Reader, task: Task, out: IO[str]) -> dict[str, Any]:
    if not task.data:
        raise ReadFailure("empty_file", "the file has no bytes")
    written_bytes = 0
    for number, blocks in enumerate(read(task), start=1):
        if number > task.limits.pages:
            raise ReadFailure("too_many_pages", f"the document has more than {task.limits.pages} pages")
        page = _page(number, blocks, task)
        written_bytes += len(page["text"].encode("utf-8", "replace"))
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
        text = clean(block.text.encode("utf-8", "ignore").decode("utf-8"), task.hidden)
        if not text:
            continue
        spans.append((block.kind, block.level, position, position + len(text)))
        if block.lines:
            boxes += boxes_of(block, text, position)
        parts.append(text)
        position += len(text) + 2
    page = {"page": number, "text": "\n\n".join(parts), "spans": spans}
    if isinstance(blocks, PageBlocks):
        page |= {"size": (round(blocks.width, 1), round(blocks.height, 1)), "boxes": boxes}
    return page


def _write(out: IO[str], line: dict[str, Any]) -> None:
    out.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")))
    out.write("\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
