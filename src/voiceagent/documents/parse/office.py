"""Reads PowerPoint and Excel files (PPTX, XLSX): a slide or a sheet is a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from voiceagent.documents.parse.archive import (
    SafeArchive,
    attribute,
    core_properties,
    events,
    local,
    open_package,
    resolve,
    tree,
)
from voiceagent.documents.parse.blocks import Block, ReadFailure, Task, table_text

_MAX_CELLS = 400_000
_MAX_COLUMNS = 256
_CELL = re.compile(r"([A-Z]{1,3})\d+")
_DATE_FORMATS = set(range(14, 23)) | set(range(45, 48))
_DATE_CODE = re.compile(r"(?:^|[^\\\"])[dmy]{1,4}[-/. ]", re.IGNORECASE)

Element = ElementTree.Element


def read_slides(task: Task) -> Iterator[list[Block]]:
    """The slides in their order, each with its title as heading, its tables, and its notes last."""
    archive = open_package(task.data)
    if "ppt/presentation.xml" not in archive:
        raise ReadFailure("type_mismatch", "the archive holds no presentation")
    task.properties.update(core_properties(archive))
    targets = _relations(archive, "ppt/presentation.xml")
    for entry in tree(archive.xml("ppt/presentation.xml")).iter():
        if local(entry.tag) != "sldId":
            continue
        part = targets.get(_relation_id(entry), "")
        if part not in archive:
            continue
        slide = tree(archive.xml(part))
        if attribute(slide, "show") == "0":
            task.hidden["hidden_slide"] += 1
        blocks = [block for shape in slide.iter() for block in _shape(shape)]
        notes = [
            target for target in _relations(archive, part).values() if "notesSlide" in target and target in archive
        ]
        for target in notes:
            blocks.extend(block for shape in tree(archive.xml(target)).iter() for block in _shape(shape))
        yield blocks


def _shape(shape: Element) -> list[Block]:
    name = local(shape.tag)
    if name == "sp":
        kinds = {attribute(one, "type") for one in shape.iter() if local(one.tag) == "ph"}
        if kinds & {"sldNum", "dt", "ftr", "hdr"}:
            return []
        lines = [text for one in shape.iter() if local(one.tag) == "p" and (text := _paragraph(one)).strip()]
        if not lines:
            return []
        is_title = bool(kinds & {"title", "ctrTitle"})
        return [Block("heading", " ".join(lines), 1)] if is_title else [Block("text", "\n".join(lines))]
    if name == "tbl":
        rows = [
            [_cell_text(cell) for cell in row if local(cell.tag) == "tc"] for row in shape if local(row.tag) == "tr"
        ]
        return [Block("table", table_text(rows))]
    return []


def _cell_text(cell: Element) -> str:
    return " ".join(_paragraph(one) for one in cell.iter() if local(one.tag) == "p")


def _paragraph(paragraph: Element) -> str:
    parts = []
    for one in paragraph.iter():
        if local(one.tag) == "t":
            parts.append(one.text or "")
        elif local(one.tag) == "br":
            parts.append("\n")
    return "".join(parts)


def read_sheets(task: Task) -> Iterator[list[Block]]:
    """The sheets in their order as tables; of a formula the value that was last computed."""
    archive = open_package(task.data)
    if "xl/workbook.xml" not in archive:
        raise ReadFailure("type_mismatch", "the archive holds no workbook")
    task.properties.update(core_properties(archive))
    texts = _shared_texts(archive)
    dates = _date_styles(archive)
    targets = _relations(archive, "xl/workbook.xml")
    for entry in tree(archive.xml("xl/workbook.xml")).iter():
        if local(entry.tag) != "sheet":
            continue
        if attribute(entry, "state") in ("hidden", "veryHidden"):
            task.hidden["hidden_sheet"] += 1
        part = targets.get(_relation_id(entry), "")
        if part in archive:
            rows = _rows(archive.xml(part), texts, dates)
            yield [Block("heading", attribute(entry, "name"), 1), Block("table", table_text(rows))]


def _rows(data: bytes, texts: list[str], dates: set[int]) -> list[list[str]]:
    rows: list[list[str]] = []
    row: list[str] = []
    cells = 0
    for kind, element in events(data):
        name = local(element.tag)
        if kind == "start":
            if name == "row":
                row = []
            continue
        if name == "c":
            cells += 1
            column = min(_column(attribute(element, "r"), len(row)), _MAX_COLUMNS)
            row.extend([""] * (column - len(row)))
            row.append(_value(element, texts, dates))
            element.clear()
        elif name == "row":
            rows.append(row)
            element.clear()
        if cells > _MAX_CELLS:
            raise ReadFailure("too_complex", f"a sheet has more than {_MAX_CELLS} cells")
    return rows


def _column(reference: str, default: int) -> int:
    match = _CELL.fullmatch(reference)
    if not match:
        return default
    number = 0
    for letter in match.group(1):
        number = number * 26 + ord(letter) - 64
    return number - 1


def _value(cell: Element, texts: list[str], dates: set[int]) -> str:
    kind = attribute(cell, "t")
    if kind == "inlineStr":
        return "".join(one.text or "" for one in cell.iter() if local(one.tag) == "t")
    raw = next((one.text or "" for one in cell if local(one.tag) == "v"), "")
    if kind == "s":
        return texts[int(raw)] if raw.isdigit() and int(raw) < len(texts) else ""
    if kind == "b":
        return "TRUE" if raw == "1" else "FALSE"
    style = attribute(cell, "s")
    if style.isdigit() and int(style) in dates:
        return _date(raw)
    return raw.removesuffix(".0")


def _date(raw: str) -> str:
    """Days since 1899-12-30, the day zero that spreadsheets use, as an ISO date."""
    try:
        moment = datetime(1899, 12, 30, tzinfo=UTC) + timedelta(days=float(raw))
    except (ValueError, OverflowError):
        return raw
    return moment.strftime("%Y-%m-%d" if moment.hour == moment.minute == 0 else "%Y-%m-%d %H:%M")


def _date_styles(archive: SafeArchive) -> set[int]:
    if "xl/styles.xml" not in archive:
        return set()
    root = tree(archive.xml("xl/styles.xml"))
    date_formats = set(_DATE_FORMATS)
    for one in root.iter():
        number = attribute(one, "numFmtId")
        if local(one.tag) == "numFmt" and number.isdigit() and _DATE_CODE.search(attribute(one, "formatCode") + " "):
            date_formats.add(int(number))
    found = set()
    for group in root.iter():
        if local(group.tag) == "cellXfs":
            for index, style in enumerate(group):
                number = attribute(style, "numFmtId")
                if number.isdigit() and int(number) in date_formats:
                    found.add(index)
    return found


def _shared_texts(archive: SafeArchive) -> list[str]:
    if "xl/sharedStrings.xml" not in archive:
        return []
    texts = []
    for kind, element in events(archive.xml("xl/sharedStrings.xml")):
        if kind == "end" and local(element.tag) == "si":
            texts.append("".join(one.text or "" for one in element.iter() if local(one.tag) == "t"))
            element.clear()
    return texts


def _relation_id(element: Element) -> str:
    return next((value for key, value in element.attrib.items() if key.endswith("}id")), "")


def _relations(archive: SafeArchive, part: str) -> dict[str, str]:
    """Names of the parts that `part` refers to, by relationship id; what lies outside the archive is left out."""
    folder, _, file_name = part.rpartition("/")
    relations = f"{folder}/_rels/{file_name}.rels"
    if relations not in archive:
        return {}
    return {
        attribute(one, "Id"): resolve(folder, attribute(one, "Target"))
        for one in tree(archive.xml(relations))
        if attribute(one, "TargetMode") != "External"
    }
