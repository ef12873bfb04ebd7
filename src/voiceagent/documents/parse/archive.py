"""Opens zip files that may be hostile: bombs, tricks with names, encrypted parts, and XML that declares entities are refused."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree

from voiceagent.documents.parse.blocks import ReadFailure

MAX_ENTRIES = 2_000
MAX_TOTAL_BYTES = 100 * 1024 * 1024
MAX_RATIO = 100
MAX_DEPTH = 400
_RATIO_FREE_BYTES = 1024 * 1024
"""Small parts may shrink more than MAX_RATIO honestly: a style sheet of blanks is no bomb below 1 MiB."""

_PIECE_BYTES = 64 * 1024
_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS = {
    b"utf-8",
    b"utf8",
    b"us-ascii",
    b"ascii",
    b"utf-16",
    b"utf-16le",
    b"utf-16be",
    b"iso-8859-1",
    b"windows-1252",
}
_FORBIDDEN = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_MARKUP_ENDINGS = (".xml", ".rels", ".opf", ".ncx", ".vml")


class SafeArchive:
    """A zip file whose directory has been checked; what is read from it is counted, whatever its headers say."""

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise ReadFailure("damaged", "the file is not a whole archive") from error
        self._left_bytes = MAX_TOTAL_BYTES
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._check_directory()

    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def read(self, name: str) -> bytes:
        """The bytes of a part. Raises ReadFailure `part_missing`, `archive_too_large`, `damaged`."""
        entry = self._entries.get(name)
        if entry is None:
            raise ReadFailure("part_missing", "the file lacks a part that every file of its kind has")
        pieces: list[bytes] = []
        size = 0
        try:
            with self._zip.open(entry) as stream:
                while piece := stream.read(_PIECE_BYTES):
                    size += len(piece)
                    self._count(len(piece), size, entry.compress_size)
                    pieces.append(piece)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise ReadFailure("damaged", "a part of the file is damaged") from error
        return b"".join(pieces)

    def xml(self, name: str) -> bytes:
        """The bytes of a part that is XML, without document type or entities, in an encoding that cannot hide them."""
        data = self.read(name)
        check_markup(data)
        return data

    def _count(self, piece_bytes: int, size: int, compressed: int) -> None:
        self._left_bytes -= piece_bytes
        if self._left_bytes < 0 or (size > _RATIO_FREE_BYTES and size > MAX_RATIO * max(compressed, 1)):
            raise ReadFailure("archive_too_large", "the file unpacks to far more than it should")

    def _check_directory(self) -> None:
        infos = self._zip.infolist()
        if any(info.header_offset < 0 or not info.filename for info in infos):
            raise ReadFailure("damaged", "the directory of the file is damaged")
        if len(infos) > MAX_ENTRIES:
            raise ReadFailure("archive_too_large", f"the file has more than {MAX_ENTRIES} parts")
        if sum(info.file_size for info in infos) > MAX_TOTAL_BYTES:
            raise ReadFailure("archive_too_large", "the file unpacks to far more than it should")
        spans = sorted((info.header_offset, info.compress_size) for info in infos if not info.is_dir())
        if any(start + size > following for (start, size), (following, _) in pairwise(spans)):
            raise ReadFailure("archive_unsafe", "parts of the file overlap")
        folded: set[str] = set()
        for info in infos:
            if info.flag_bits & 0x1:
                raise ReadFailure("password_needed", "the file is encrypted")
            if _is_unsafe(info.filename) or info.orig_filename != info.filename or info.filename.lower() in folded:
                raise ReadFailure("archive_unsafe", "the file has parts with names that no honest file has")
            folded.add(info.filename.lower())
            if not info.is_dir():
                self._entries[info.filename] = info


def check_markup(data: bytes) -> None:
    """Raises ReadFailure `doctype_forbidden` or `encoding_forbidden`. Zeros are dropped first: that lays UTF-16 and UTF-32 open."""
    plain = data.replace(b"\x00", b"") if b"\x00" in data else data
    if b"<!" in plain and _FORBIDDEN.search(plain):
        raise ReadFailure("doctype_forbidden", "a part of the file declares a document type or entities")
    head = plain[:512].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if head and not head.startswith(b"<"):
        raise ReadFailure("encoding_forbidden", "a part of the file is not plain XML")
    declared = _ENCODING.match(head)
    if declared and declared.group(1).lower() not in _ENCODINGS:
        raise ReadFailure("encoding_forbidden", "a part of the file is in an encoding that is not accepted")


def open_package(data: bytes) -> SafeArchive:
    """An Office, OpenDocument or EPUB file of which every part of markup has been checked before any parser sees one."""
    archive = SafeArchive(data)
    for name in archive.names():
        if name.lower().endswith(_MARKUP_ENDINGS):
            archive.xml(name)
    archive._left_bytes = MAX_TOTAL_BYTES  # the check has read everything once; reading again starts a new count
    return archive


def events(data: bytes) -> Iterator[tuple[str, ElementTree.Element]]:
    """Start and end of every element of a checked part. Raises ReadFailure `damaged`, `too_complex`."""
    depth = 0
    try:
        for kind, element in ElementTree.iterparse(io.BytesIO(data), events=("start", "end")):  # noqa: S314 (entities were refused before)
            depth += 1 if kind == "start" else -1
            if depth > MAX_DEPTH:
                raise ReadFailure("too_complex", f"a part of the file nests deeper than {MAX_DEPTH}")
            yield kind, element
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ReadFailure("damaged", "a part of the file is not well-formed XML") from error


def tree(data: bytes) -> ElementTree.Element:
    """The root element of a checked part. Raises ReadFailure `damaged`."""
    root: ElementTree.Element | None = None
    for kind, element in events(data):
        if root is None and kind == "start":
            root = element
    if root is None:
        raise ReadFailure("damaged", "a part of the file is empty")
    return root


def local(tag: object) -> str:
    """An element's or attribute's name without its namespace."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: ElementTree.Element, name: str) -> str:
    """The attribute of that local name in whatever namespace, "" when absent."""
    for key, value in element.attrib.items():
        if local(key) == name:
            return value
    return ""


def resolve(folder: str, target: str) -> str:
    """A relationship's target as a part's name. It is only looked up in the archive, never on disk."""
    return (
        posixpath.normpath(posixpath.join(folder, target)).lstrip("/")
        if not target.startswith("/")
        else target.lstrip("/")
    )


def _is_unsafe(name: str) -> bool:
    parts = name.split("/")
    return name.startswith("/") or "\\" in name or "\x00" in name or ".." in parts or ":" in parts[0] or len(name) > 512


def core_properties(archive: SafeArchive, part: str = "docProps/core.xml") -> dict[str, str]:
    """Title, authors and dates as an Office file claims them."""
    wanted = {
        "title": "title",
        "creator": "authors",
        "created": "created",
        "modified": "modified",
        "subject": "subject",
        "language": "language",
    }
    if part not in archive:
        return {}
    found: dict[str, str] = {}
    for element in tree(archive.xml(part)).iter():
        name = wanted.get(local(element.tag))
        if name and element.text and element.text.strip():
            found[name] = element.text.strip()
    return found
