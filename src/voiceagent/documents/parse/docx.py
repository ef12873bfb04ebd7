"""Reads Word files (DOCX): headings, lists, tables, text boxes, notes and comments in order, straight from the parts' XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from voiceagent.documents.parse.archive import (
    SafeArchive,
    attribute,
    core_properties,
    events,
    local,
    open_package,
    tree,
)
from voiceagent.documents.parse.blocks import Block, ReadFailure, Task, table_text

_HEADING = re.compile(r"(?:heading|titre|\u00fcberschrift|berschrift|encabezado|kop|rubrik)\s*([1-9])", re.IGNORECASE)
_SKIPPED = {"del", "delText", "moveFrom", "instrText", "Fallback", "rPrChange", "pPrChange", "sectPr"}
_NOTES = ("word/footnotes.xml", "word/endnotes.xml", "word/comments.xml")
_TINY_HALF_POINTS = 4

Element = ElementTree.Element


def read(task: Task) -> Iterator[list[Block]]:
    """Pages as Word last laid them out when the file says so; one page otherwise. Notes and comments follow on the last page."""
    archive = open_package(task.data)
    if "word/document.xml" not in archive:
        raise ReadFailure("type_mismatch", "the archive holds no Word document")
    task.properties.update(core_properties(archive))
    walker = _Walker(_styles(archive), task)
    yield from walker.pages(archive.xml("word/document.xml"))
    notes = [block for part in _NOTES if part in archive for block in walker.notes(archive.xml(part))]
    yield [*walker.rest(), *notes]


def _styles(archive: SafeArchive) -> dict[str, int]:
    """Heading level by style id: from the style's name or outline level, also through the style that it is based on."""
    if "word/styles.xml" not in archive:
        return {}
    own: dict[str, int] = {}
    parent: dict[str, str] = {}
    for style in tree(archive.xml("word/styles.xml")).iter():
        if local(style.tag) != "style":
            continue
        style_id = attribute(style, "styleId")
        for child in style.iter():
            name, value = local(child.tag), attribute(child, "val")
            if name == "name":
                match = _HEADING.search(value)
                own[style_id] = int(match.group(1)) if match else 1 if value.lower() == "title" else 0
            elif name == "basedOn":
                parent[style_id] = value
            elif name == "outlineLvl" and value.isdigit() and int(value) < 9 and not own.get(style_id):
                own[style_id] = int(value) + 1
    return {style_id: _inherited(style_id, own, parent) for style_id in own}


def _inherited(style_id: str, own: dict[str, int], parent: dict[str, str]) -> int:
    for _ in range(10):  # styles may name each other in a circle
        if own.get(style_id) or style_id not in parent:
            break
        style_id = parent[style_id]
    return own.get(style_id, 0)


class _Walker:
    """Goes through the body one child at a time and forgets each behind it, so that memory stays flat."""

    def __init__(self, styles: dict[str, int], task: Task) -> None:
        self._styles = styles
        self._task = task
        self._blocks: list[Block] = []
        self._boxes: list[Block] = []
        self._break = False

    def pages(self, data: bytes) -> Iterator[list[Block]]:
        """The pages that are complete; what follows the last page break stays for `rest`."""
        depth, body_depth = 0, -1
        for kind, element in events(data):
            name = local(element.tag)
            if kind == "start":
                depth += 1
                if name == "body" and body_depth < 0:
                    body_depth = depth
                continue
            if body_depth > 0 and depth == body_depth + 1:
                done = self._add(element)
                element.clear()
                if done:
                    yield done
            depth -= 1

    def rest(self) -> list[Block]:
        return self._blocks

    def notes(self, data: bytes) -> list[Block]:
        found = []
        for note in tree(data):
            if attribute(note, "type") in ("separator", "continuationSeparator", "continuationNotice"):
                continue
            text = " ".join(filter(None, (self._text(paragraph) for paragraph in _paragraphs(note))))
            found.append(Block("text", text))
        return [*found, *self._take_boxes()]

    def _add(self, element: Element) -> list[Block] | None:
        """Add the blocks of a child of the body; returns the page before it when a page begins with it."""
        self._break = False
        blocks = [*self._blocks_of(element), *self._take_boxes()]
        if not self._break or not self._blocks:
            self._blocks.extend(blocks)
            return None
        done, self._blocks = self._blocks, list(blocks)
        return done

    def _blocks_of(self, element: Element) -> list[Block]:
        name = local(element.tag)
        if name == "p":
            return [self._paragraph(element)]
        if name == "tbl":
            return [Block("table", table_text(self._rows(element)))]
        if name in ("sdt", "sdtContent", "customXml", "ins", "smartTag"):
            return [block for child in element for block in self._blocks_of(child)]
        return []

    def _paragraph(self, paragraph: Element) -> Block:
        level, is_list = 0, False
        properties = next((child for child in paragraph if local(child.tag) == "pPr"), None)
        for child in properties if properties is not None else ():
            name = local(child.tag)
            if name == "pStyle":
                level = self._styles.get(attribute(child, "val"), 0)
            elif name == "numPr":
                is_list = True
            elif name == "outlineLvl" and attribute(child, "val").isdigit() and int(attribute(child, "val")) < 9:
                level = int(attribute(child, "val")) + 1
            elif name == "pageBreakBefore" and attribute(child, "val") not in ("0", "false"):
                self._break = True
        text = self._text(paragraph)
        if level and text.strip() and len(text) < 300:
            return Block("heading", text, level)
        return Block("list", f"- {text}") if is_list and text.strip() else Block("text", text)

    def _rows(self, table: Element) -> list[list[str]]:
        rows = []
        for row in table:
            if local(row.tag) == "tr":
                rows.append([self._cell(cell) for cell in _children(row, "tc")])
            elif local(row.tag) in ("sdt", "customXml", "ins"):
                rows.extend(
                    [self._cell(cell) for cell in _children(inner, "tc")]
                    for inner in row.iter()
                    if local(inner.tag) == "tr"
                )
        return rows

    def _cell(self, cell: Element) -> str:
        return "\n".join(filter(None, (self._text(paragraph) for paragraph in _paragraphs(cell))))

    def _text(self, element: Element) -> str:
        parts: list[str] = []
        self._collect(element, parts, hidden=False)
        return "".join(parts)

    def _collect(self, element: Element, parts: list[str], *, hidden: bool) -> None:
        for child in element:
            name = local(child.tag)
            if name in _SKIPPED:
                continue
            if name == "r":
                self._collect(child, parts, hidden=self._is_hidden(child))
            elif name == "t":
                self._keep(child.text or "", parts, hidden)
            elif name in ("tab", "ptab"):
                parts.append("\t")
            elif name in ("br", "cr"):
                parts.append("\n")
                self._break = self._break or attribute(child, "type") == "page"
            elif name == "lastRenderedPageBreak":
                self._break = True
            elif name == "noBreakHyphen":
                parts.append("-")
            elif name == "txbxContent":
                self._boxes.extend(block for inner in child for block in self._blocks_of(inner))
            else:
                self._collect(child, parts, hidden=hidden)

    def _keep(self, text: str, parts: list[str], hidden: bool) -> None:
        if not hidden:
            parts.append(text)
        elif text.strip():
            self._task.hidden["vanish"] += 1

    def _is_hidden(self, run: Element) -> bool:
        """Text that Word does not show, or sets so small that nobody reads it."""
        properties = next((child for child in run if local(child.tag) == "rPr"), None)
        for child in properties if properties is not None else ():
            name, value = local(child.tag), attribute(child, "val")
            if name in ("vanish", "webHidden") and value not in ("0", "false"):
                return True
            if name == "sz" and value.isdigit() and int(value) <= _TINY_HALF_POINTS:
                return True
            if name == "color" and value.upper() == "FFFFFF":
                self._task.hidden["white"] += 1  # may stand on a dark ground: counted, kept
        return False

    def _take_boxes(self) -> list[Block]:
        taken, self._boxes = self._boxes, []
        return taken


def _children(element: Element, name: str) -> list[Element]:
    found = []
    for child in element:
        if local(child.tag) == name:
            found.append(child)
        elif local(child.tag) in ("sdt", "sdtContent", "customXml", "ins"):
            found.extend(_children(child, name))
    return found


def _paragraphs(element: Element) -> Iterator[Element]:
    return (one for one in element.iter() if local(one.tag) == "p")
