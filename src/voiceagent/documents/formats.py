"""Which kind of file it is: the name's ending, the declared media type and the first bytes must agree. Reads nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voiceagent.kit.errors import Unsupported

HEAD_BYTES = 4_096
"""How much of a file `format_of` wants to see."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format that can be read. shape: what its first bytes look like: `pdf`, `zip` or `text`."""

    name: str
    shape: str
    endings: tuple[str, ...]
    media_types: tuple[str, ...]


_OFFICE = "application/vnd.openxmlformats-officedocument."
FORMATS: dict[str, FileFormat] = {
    one.name: one
    for one in (
        FileFormat("pdf", "pdf", ("pdf",), ("application/pdf", "application/x-pdf")),
        FileFormat("docx", "zip", ("docx",), (_OFFICE + "wordprocessingml.document",)),
        FileFormat("pptx", "zip", ("pptx",), (_OFFICE + "presentationml.presentation",)),
        FileFormat("xlsx", "zip", ("xlsx",), (_OFFICE + "spreadsheetml.sheet",)),
        FileFormat("odt", "zip", ("odt",), ("application/vnd.oasis.opendocument.text",)),
        FileFormat("epub", "zip", ("epub",), ("application/epub+zip",)),
        FileFormat("html", "text", ("html", "htm", "xhtml"), ("text/html", "application/xhtml+xml")),
        FileFormat("md", "text", ("md", "markdown"), ("text/markdown", "text/x-markdown", "text/plain")),
        FileFormat("eml", "text", ("eml",), ("message/rfc822", "text/plain")),
        FileFormat(
            "txt", "text", ("txt", "text", "log", "csv", "tsv"), ("text/plain", "text/csv", "text/tab-separated-values")
        ),
    )
}
_BY_ENDING = {ending: one for one in FORMATS.values() for ending in one.endings}
_UNTOLD = ("", "application/octet-stream", "binary/octet-stream")
_ZIP_ALIASES = ("application/zip", "application/x-zip-compressed")

_BINARY_MAGIC = (
    b"%PDF", b"PK\x03\x04", b"PK\x05\x06", b"\x7fELF", b"MZ", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"BZh", b"7z\xbc\xaf",
    b"Rar!", b"\xd0\xcf\x11\xe0", b"OggS", b"RIFF", b"fLaC", b"ID3", b"\xca\xfe\xba\xbe", b"SQLite format 3", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd",
)  # fmt: skip
_TEXT_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_HEADER_LINE = re.compile(rb"^[A-Za-z][A-Za-z0-9-]{0,60}:[ \t]", re.MULTILINE)


def format_of(file_name: str, media_type: str, head: bytes) -> FileFormat:
    """The format of a file by its name, declared type ("" when not told) and first bytes.

    Raises Unsupported `unsupported_type` for an ending that nothing here reads, `type_mismatch` when the three disagree.
    """
    ending = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    found = _BY_ENDING.get(ending)
    if found is None:
        known = ", ".join(sorted(_BY_ENDING))
        raise Unsupported("unsupported_type", f"files of this kind are not read; known endings: {known}", param="file")
    declared = media_type.partition(";")[0].strip().lower()
    agrees = declared in _UNTOLD or declared in found.media_types or (found.shape == "zip" and declared in _ZIP_ALIASES)
    if not agrees or (head and not _looks_like(found, head)):
        raise Unsupported("type_mismatch", f"the file is not what .{ending} promises", param="file")
    return found


def _looks_like(found: FileFormat, head: bytes) -> bool:
    if found.shape == "pdf":
        return b"%PDF-" in head[:1_024]  # readers accept what stands before it
    if found.shape == "zip":
        return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    if not _is_text(head):
        return False
    plain = head.replace(b"\x00", b"")
    if found.name == "html":
        return b"<" in plain
    return found.name != "eml" or bool(_HEADER_LINE.search(plain[:1_024]))


def _is_text(head: bytes) -> bool:
    if head.startswith(_TEXT_MARKS):
        return True
    if head.startswith(_BINARY_MAGIC):
        return False
    return b"\x00" not in head or wide_encoding(head) is not None


def wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark, told by where the zeros of Latin text stand; None when it is neither."""
    sample = data[:HEAD_BYTES]
    sample = sample[: len(sample) // 4 * 4]
    if len(sample) < 8:
        return None
    zeros = [sample[at::4].count(0) / (len(sample) // 4) for at in range(4)]
    patterns = {
        "utf-32-le": (0, 1, 1, 1),
        "utf-32-be": (1, 1, 1, 0),
        "utf-16-le": (0, 1, 0, 1),
        "utf-16-be": (1, 0, 1, 0),
    }
    for encoding, pattern in patterns.items():
        if all(share > 0.7 if is_zero else share < 0.1 for share, is_zero in zip(zeros, pattern, strict=True)):
            return encoding
    return None
