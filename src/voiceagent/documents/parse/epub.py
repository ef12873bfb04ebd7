"""Reads e-books (EPUB): the chapters in reading order, each a page, each read as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from voiceagent.documents.parse.archive import SafeArchive, attribute, local, resolve, tree
from voiceagent.documents.parse.blocks import Block, ReadFailure, Task
from voiceagent.documents.parse.html import blocks_of

_CONTAINER = "META-INF/container.xml"
_PROPERTIES = {"title": "title", "creator": "authors", "language": "language", "date": "created"}


def read(task: Task) -> Iterator[list[Block]]:
    """One page a chapter. XHTML may declare a document type, so chapters go to the HTML parser, which knows no entities of its own."""
    archive = SafeArchive(task.data)
    if _CONTAINER not in archive:
        raise ReadFailure("type_mismatch", "the archive holds no e-book")
    if "META-INF/encryption.xml" in archive and b"obfuscation" not in archive.read("META-INF/encryption.xml"):
        raise ReadFailure("password_needed", "the e-book is protected")
    for part in _reading_order(archive, task):
        blocks = blocks_of(archive.read(part), task.hidden)
        if any(block.text.strip() for block in blocks):
            yield blocks


def _reading_order(archive: SafeArchive, task: Task) -> list[str]:
    container = tree(archive.xml(_CONTAINER))
    package = next((attribute(one, "full-path") for one in container.iter() if local(one.tag) == "rootfile"), "")
    root = tree(archive.xml(package))
    folder = package.rpartition("/")[0]
    parts: dict[str, str] = {}
    order: list[str] = []
    for one in root.iter():
        name = local(one.tag)
        if name == "item" and "html" in attribute(one, "media-type"):
            parts[attribute(one, "id")] = resolve(folder, unquote(attribute(one, "href")))
        elif name == "itemref":
            order.append(attribute(one, "idref"))
        elif name in _PROPERTIES and one.text and _PROPERTIES[name] not in task.properties:
            task.properties[_PROPERTIES[name]] = one.text
    return [parts[item] for item in dict.fromkeys(order) if parts.get(item, "") in archive]
