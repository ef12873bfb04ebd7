"""Reads OpenDocument text (ODT): headings, paragraphs, lists and tables in order."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from voiceagent.documents.parse.archive import attribute, core_properties, local, open_package, tree
from voiceagent.documents.parse.blocks import Block, ReadFailure, Task, table_text

_SKIPPED = {"tracked-changes", "sequence-decls", "forms", "annotation-end", "bookmark-start", "bookmark-end"}
_MAX_REPEATS = 1_000

Element = ElementTree.Element


def read(task: Task) -> Iterator[list[Block]]:
    """The whole text as one page: an ODT file does not say where its pages end."""
    archive = open_package(task.data)
    if "content.xml" not in archive:
        raise ReadFailure("type_mismatch", "the archive holds no OpenDocument text")
    task.properties.update(core_properties(archive, "meta.xml"))
    body = next((one for one in tree(archive.xml("content.xml")).iter() if local(one.tag) == "text" and len(one)), None)
    yield list(_blocks(body)) if body is not None else []


def _blocks(element: Element) -> Iterator[Block]:
    for child in element:
        name = local(child.tag)
        if name in _SKIPPED:
            continue
        if name == "h":
            level = attribute(child, "outline-level")
            yield Block("heading", _text(child), int(level) if level.isdigit() else 1)
        elif name == "p":
            yield Block("text", _text(child))
        elif name == "table":
            yield Block("table", table_text([_row(row) for row in child.iter() if local(row.tag) == "table-row"]))
        elif name == "list-item":
            for block in _blocks(child):
                yield Block("list", f"- {block.text}") if block.kind == "text" else block
        else:
            yield from _blocks(child)


def _row(row: Element) -> list[str]:
    return [
        " ".join(_text(one) for one in cell.iter() if local(one.tag) in ("p", "h"))
        for cell in row
        if local(cell.tag) == "table-cell"
    ]


def _text(element: Element) -> str:
    parts = [element.text or ""]
    for child in element:
        name = local(child.tag)
        if name == "s":
            count = attribute(child, "c")
            parts.append(" " * min(int(count) if count.isdigit() else 1, _MAX_REPEATS))
        elif name == "tab":
            parts.append("\t")
        elif name == "line-break":
            parts.append("\n")
        elif name not in _SKIPPED:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)
