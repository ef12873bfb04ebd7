"""Reads plain text and Markdown, in whatever encoding they come."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from voiceagent.documents.formats import wide_encoding
from voiceagent.documents.parse.blocks import Block, BlockKind, ReadFailure, Task, table_text

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_EMPTY_LINES = re.compile(r"\n[ \t]*\n+")
_MAX_CONTROL_SHARE = 0.02

_HEADING = re.compile(r"(#{1,6})[ \t]+")
_UNDERLINE = re.compile(r"(=+|-+)[ \t]*$")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\s]{0,2000}(?:\s\"[^\"\n]{0,300}\")?\)")
_EMPHASIS = re.compile(r"(\*\*|__|\*|~~|`)(?=\S)([^*_~`\n]{1,500})(?<=\S)\1")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def read(task: Task) -> Iterator[list[Block]]:
    """Paragraphs as text; form feeds separate pages."""
    for page in decode(task.data).split("\f"):
        yield paragraphs(page)


def paragraphs(text: str) -> list[Block]:
    """The paragraphs of plain text: what empty lines separate."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return [Block("text", part) for part in _EMPTY_LINES.split(lines) if part.strip()]


def decode(data: bytes, declared: str = "") -> str:
    """Text by its byte order mark, the place of its zeros, the declared charset, UTF-8, or else Windows-1252.

    Raises ReadFailure `not_text` when control characters show that it is none of these.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    guesses = [wide_encoding(data), declared.lower() or None, "utf-8"]
    for guess in filter(None, guesses):
        try:
            text = data.decode(guess)
        except (UnicodeDecodeError, LookupError):
            continue
        return _checked(text)
    return _checked(data.decode("cp1252", "replace"))


def _checked(text: str) -> str:
    controls = sum(1 for character in text[:20_000] if character < " " and character not in "\t\n\r\f\x1b")
    if controls > _MAX_CONTROL_SHARE * min(len(text), 20_000):
        raise ReadFailure("not_text", "the file is not text")
    return text


def read_markdown(task: Task) -> Iterator[list[Block]]:
    """Headings, lists and tables as such; marks of emphasis and the addresses of links are dropped, comments too."""
    text = decode(task.data).replace("\r\n", "\n").replace("\r", "\n")
    text = _without_comments(text, task)
    yield list(_markdown_blocks(text.split("\n")))


def _without_comments(text: str, task: Task) -> str:
    """The text without HTML comments, which no reader sees; they are counted. An open one hides nothing."""
    parts: list[str] = []
    position = 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts.append(text[position:start])
        task.hidden["comment"] += 1
        position = end + 3
    return "".join([*parts, text[position:]])


def _markdown_blocks(lines: list[str]) -> Iterator[Block]:
    held: list[str] = []
    fenced = False
    for line in lines:
        if _FENCE.match(line):
            fenced = not fenced
            continue
        heading = None if fenced else _heading(line, held)
        if heading is None and (fenced or line.strip()):
            held.append(line)
            continue
        yield from _held_block(held)
        held.clear()
        if heading is not None and heading.text:
            yield heading
    yield from _held_block(held)


def _heading(line: str, held: list[str]) -> Block | None:
    match = _HEADING.match(line)
    if match:
        return Block("heading", _plain(line[match.end() :].rstrip(" \t#")), len(match.group(1)))
    underline = _UNDERLINE.match(line)
    if underline and len(held) == 1 and "|" not in held[0] and not _LIST_ITEM.match(held[0]):
        return Block("heading", _plain(held.pop().strip()), 1 if underline.group(1)[0] == "=" else 2)
    return None


def _held_block(held: list[str]) -> Iterator[Block]:
    if not held:
        return
    if len(held) > 1 and "|" in held[0] and _TABLE_RULE.match(held[1]):
        rows = [held[0], *held[2:]]
        yield Block("table", table_text([[_plain(cell) for cell in row.strip().strip("|").split("|")] for row in rows]))
        return
    kind: BlockKind = "list" if _LIST_ITEM.match(held[0]) else "text"
    yield Block(kind, "\n".join(_plain(line) for line in held))


def _plain(line: str) -> str:
    line = _LINK.sub(r"\1", line)
    line = _EMPHASIS.sub(r"\2", line)
    return _ESCAPE.sub(r"\1", line)
