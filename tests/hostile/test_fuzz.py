"""Real files, mutated: whatever comes of it, the sandbox ends with a text or a known code, and what it tells holds together."""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from collections.abc import Callable
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hostile.corpus import GOOD_DOCX, GOOD_EPUB, GOOD_PDF
from tests.hostile.test_hostile import CODES
from tests.support.documents_kit import pieces

from voiceagent.documents.formats import FORMATS
from voiceagent.documents.parse.blocks import Limits
from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.sandbox import ParseFailed, Sandbox
from voiceagent.documents.split import split

REAL = Path(os.environ.get("VOICEAGENT_DATA", str(Path(__file__).parents[3] / "shared" / "data"))) / "documents"
EXAMPLES = 8
_BYTES_AT_MOST = 60_000

Change = Callable[[bytes], bytes]

_MAIL = b"From: a@example.org\r\nSubject: =?utf-8?q?x?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nwords\r\n--b--\r\n"
MADE = {
    "pdf": GOOD_PDF,
    "docx": GOOD_DOCX,
    "epub": GOOD_EPUB,
    "html": b"<html><body><h1>Title</h1><p>Some <b>words</b> &amp; more.</p><table><tr><td>a</td><td>b</td></tr></table></body></html>",
    "md": b"# Title\n\nSome *words* with a [link](http://example.org).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "eml": _MAIL,
    "txt": b"Some words.\n\nMore words.\n",
}


def seeds(name: str) -> list[bytes]:
    """The made file and the small real ones of a format."""
    real = sorted(path for path in REAL.rglob(f"*.{name}") if path.stat().st_size <= _BYTES_AT_MOST)
    return [*([MADE[name]] if name in MADE else []), *(path.read_bytes() for path in real[:6])]


def _placed(change: Callable[[bytes, int, int], bytes]) -> st.SearchStrategy[Change]:
    share = st.floats(0, 1, exclude_max=True)
    return st.tuples(share, st.integers(1, 64)).map(
        lambda at: lambda data: change(data, int(at[0] * max(len(data), 1)), at[1])
    )


def _swapped(data: bytes, at: int, count: int) -> bytes:
    first, second = data[at : at + count], data[at + count : at + 2 * count]
    return data[:at] + second + first + data[at + 2 * count :]


_WORDS = [
    b"<",
    b">",
    b"&",
    b"\x00",
    b"\xff\xfe",
    b"]]>",
    b"<!--",
    b"endobj",
    b"/Kids [1 0 R]",
    b"999999999999",
    b"-1",
    b"\\",
    b"\r\n\r\n",
    b"%PDF",
    b"PK",
]
CHANGES: st.SearchStrategy[Change] = st.one_of(
    _placed(
        lambda data, at, count: data[:at] + bytes((byte ^ 0x55) for byte in data[at : at + count]) + data[at + count :]
    ),
    _placed(lambda data, at, count: data[:at] + data[at + count :]),
    _placed(lambda data, at, count: data[:at] + data[at : at + count] * 50 + data[at:]),
    _placed(lambda data, at, count: data[:at] + _WORDS[count % len(_WORDS)] + data[at:]),
    _placed(lambda data, at, _count: data[:at]),
    _placed(_swapped),
)


def repacked(data: bytes, change: Change, which: int) -> bytes:
    """The archive with one of its parts changed: what lies inside reaches the readers, not only the unpacker."""
    try:
        parts = {
            info.filename: zipfile.ZipFile(io.BytesIO(data)).read(info)
            for info in zipfile.ZipFile(io.BytesIO(data)).infolist()
        }
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return change(data)
    name = sorted(parts)[which % len(parts)]
    parts[name] = change(parts[name])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return out.getvalue()


def assert_holds_together(document: ParsedDocument) -> None:
    assert document.text.strip()
    for page in document.pages:
        assert document.text[page.start : page.start + len(page.text)] == page.text
    for span in document.spans:
        assert 0 <= span.start <= span.end <= len(document.text)
    last = 0
    for box in document.boxes:
        assert last <= box.start < box.end <= len(document.text)
        last = box.start
    for piece in split(document):
        assert document.text[piece.start : piece.end] == piece.text
    document.text.encode()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_a_mutated_file_ends_with_a_text_or_a_known_code(name: str, data: st.DataObject) -> None:
    known = seeds(name)
    if not known:
        pytest.skip(f"missing: a small real file of the kind {name} (VOICEAGENT_DATA)")
    whole = data.draw(st.sampled_from(known))
    changes = data.draw(st.lists(CHANGES, min_size=1, max_size=5))
    if FORMATS[name].shape == "zip" and data.draw(st.booleans()):
        which = data.draw(st.integers(0, 40))
        broken = reduce(lambda so_far, change: repacked(so_far, change, which), changes, whole)
    else:
        broken = reduce(lambda so_far, change: change(so_far), changes, whole)
    if not broken:
        return
    try:
        document = asyncio.run(Sandbox(ocr="", limits=Limits(cpu_s=5)).read(pieces(broken), FORMATS[name]))
    except ParseFailed as failed:
        assert failed.code in CODES
    else:
        assert_holds_together(document)
