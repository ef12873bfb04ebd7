"""Reads HTML: what a browser would show as text, with headings, lists and tables. Scripts, styles and hidden parts are left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from voiceagent.documents.parse.blocks import Block, BlockKind, Task, table_text
from voiceagent.documents.parse.text import decode

_DROPPED = {
    "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "embed", "canvas", "audio", "video", "head", "select",
    "link", "meta",
}  # fmt: skip
_BLOCKS = {
    "p", "div", "section", "article", "header", "footer", "main", "nav", "aside", "blockquote", "pre", "ul", "ol", "dl", "li", "dt", "dd",
    "table", "form", "fieldset", "figure", "figcaption", "address", "details", "summary", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "body",
}  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[01](?:\.\d+)?(?:px|pt|em|%)?\s*(?:;|$)|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)"
)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_-]{1,40})""", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")


def read(task: Task) -> Iterator[list[Block]]:
    """The whole file as one page."""
    found = _CHARSET.search(task.data[:4_096])
    text = decode(task.data, found.group(1).decode() if found else "")
    tree = LexborHTMLParser(text)
    _properties(tree, task)
    yield _walk(tree, task.hidden)


def blocks_of(data: bytes, hidden: Counter[str]) -> list[Block]:
    """The blocks of an HTML part of something else: a chapter, the body of an e-mail."""
    found = _CHARSET.search(data[:4_096])
    return _walk(LexborHTMLParser(decode(data, found.group(1).decode() if found else "")), hidden)


def _properties(tree: LexborHTMLParser, task: Task) -> None:
    title = tree.css_first("title")
    if title is not None:
        task.properties["title"] = title.text()
    for node in tree.css("meta[name][content]")[:100]:
        name = (node.attributes.get("name") or "").lower()
        if name in ("author", "date"):
            task.properties["authors" if name == "author" else "created"] = node.attributes.get("content") or ""


class _Lines:
    """Collects inline text until a block ends."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._parts: list[str] = []
        self._kinds: list[tuple[BlockKind, int]] = [("text", 0)]

    def add(self, text: str) -> None:
        self._parts.append(text)

    def open(self, tag: str) -> None:
        self.flush()
        if tag in _HEADINGS:
            self._kinds.append(("heading", _HEADINGS[tag]))
        elif tag in ("li", "dt", "dd"):
            self._kinds.append(("list", 0))
        else:
            self._kinds.append(self._kinds[-1] if tag in ("p", "div") else ("text", 0))

    def close(self) -> None:
        self.flush()
        if len(self._kinds) > 1:
            self._kinds.pop()

    def flush(self) -> None:
        text = "\n".join(line.strip() for line in "".join(self._parts).split("\n")).strip()
        self._parts.clear()
        if text:
            kind, level = self._kinds[-1]
            self.blocks.append(Block(kind, f"- {text}" if kind == "list" else text, level))


def _walk(tree: LexborHTMLParser, hidden: Counter[str]) -> list[Block]:
    """Goes through the tree without recursion: hostile pages nest deeper than any stack."""
    lines = _Lines()
    node = tree.body
    root_id = node.mem_id if node is not None else 0  # comparing nodes themselves compares all that is in them
    while node is not None:
        descend = _enter(node, lines, hidden)
        following = node.child if descend else None
        while following is None and node is not None:
            _leave(node, lines)
            if node.mem_id == root_id:
                node = None
                break
            following = node.next
            if following is None:
                node = node.parent
        if node is None:
            break
        node = following
    lines.flush()
    return lines.blocks


def _enter(node: LexborNode, lines: _Lines, hidden: Counter[str]) -> bool:
    """Take what the node says; True when its children are to be visited."""
    tag = node.tag
    if node.is_text_node:
        lines.add(_BLANKS.sub(" ", node.text_content or ""))
        return False
    if tag is None or tag in _DROPPED or not node.is_element_node:
        return False
    if _is_hidden(node):
        hidden["invisible"] += 1
        return False
    if tag == "br":
        lines.add("\n")
    elif tag == "table":
        return _enter_table(node, lines, hidden)
    elif tag in _BLOCKS:
        lines.open(tag)
    return True


def _enter_table(table: LexborNode, lines: _Lines, hidden: Counter[str]) -> bool:
    """A table of data becomes rows. One that lays out a page (a table inside it) is read through like any other block."""
    for node in table.css("script, style, template, noscript"):
        node.decompose()
    for node in table.css("[hidden], [style]"):
        if node.parent is not None and _is_hidden(node):
            hidden["invisible"] += 1
            node.decompose()
    if table.css_first("table table") is not None:
        lines.open("table")
        return True
    rows = [[cell.text(separator=" ") for cell in row.css("td, th")] for row in table.css("tr")]
    lines.flush()
    caption = table.css_first("caption")
    if caption is not None and caption.text().strip():
        lines.blocks.append(Block("text", caption.text(separator=" ")))
    lines.blocks.append(Block("table", table_text(rows)))
    return False


def _leave(node: LexborNode, lines: _Lines) -> None:
    tag = node.tag
    if tag in _BLOCKS and node.is_element_node and not _is_hidden(node):
        if tag == "table" and node.css_first("table table") is None:
            return
        lines.close()
    elif tag in ("td", "th", "tr"):
        lines.flush()


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    if not attributes:
        return False
    if "hidden" in attributes or (attributes.get("aria-hidden") == "true" and node.tag in _BLOCKS):
        return True
    style = attributes.get("style")
    return bool(style and _HIDING.search(style[:2_000].lower()))
