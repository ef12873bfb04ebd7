"""Scanned pages: what Tesseract says becomes paragraphs with places; documents of which only some pages are scanned keep the others."""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

import pypdfium2
import pytest
from tests.support.documents_kit import PATIENT, pdf, pieces

from voiceagent.documents.formats import FORMATS
from voiceagent.documents.parse.pdf.ocr import paragraphs_of
from voiceagent.documents.sandbox import ParseFailed, Sandbox
from voiceagent.domain.document import boxes_between

REAL = Path(os.environ.get("VOICEAGENT_DATA", str(Path(__file__).parents[4] / "shared" / "data"))) / "documents"
needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="missing, optional: tesseract")
_HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"


def scanned(*texts: str) -> bytes:
    """A PDF of pictures of these pages, the second page with a text of its own."""
    source = pypdfium2.PdfDocument(pdf(*texts, size=20))
    bodies = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for page in source:
        picture = page.render(scale=2.5, grayscale=True)
        raw = zlib.compress(bytes(picture.buffer))
        head = b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode /Length %d >>"
        bodies.append(head % (picture.stride, picture.height, len(raw)) + b"\nstream\n" + raw + b"\nendstream")
        content = b"q 612 0 0 842 0 0 cm /I Do Q"
        bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        kids.append(_page(len(bodies), b"/XObject << /I %d 0 R >>" % (len(bodies) - 1)))
        bodies.append(kids[-1])
        kids[-1] = b"%d 0 R" % len(bodies)
    words = b"BT /F1 20 Tf 60 700 Td (This page has letters.) Tj ET"
    bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(words), words))
    bodies.append(_page(len(bodies), b"/Font << /F1 3 0 R >>"))
    kids.append(b"%d 0 R" % len(bodies))
    bodies[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    bodies[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    objects = b"".join(b"%d 0 obj\n%s\nendobj\n" % (number, body) for number, body in enumerate(bodies, start=1))
    return b"%%PDF-1.4\n%strailer << /Size %d /Root 1 0 R >>\n%%%%EOF\n" % (objects, len(bodies) + 1)


def _page(content: int, resources: bytes) -> bytes:
    return b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Contents %d 0 R /Resources << %s >> >>" % (
        content,
        resources,
    )


def test_words_become_paragraphs_and_specks_go() -> None:
    rows = [
        _HEAD,
        "4\t1\t1\t1\t1\t0\t0\t0\t900\t40\t-1\t",
        "5\t1\t1\t1\t1\t1\t100\t50\t80\t20\t96.1\tPumps",
        "5\t1\t1\t1\t1\t2\t190\t48\t90\t24\t95.0\tmain-",
        "5\t1\t1\t1\t2\t1\t100\t80\t90\t20\t94.0\ttain",
        "5\t1\t1\t1\t2\t2\t200\t80\t9\t20\t3.0\t|~",
        "5\t1\t2\t1\t1\t1\t100\t200\t90\t20\t94.0\tEnd",
        "broken",
    ]
    first, second = paragraphs_of("\n".join(rows), 0.5)
    assert (first.text, second.text) == ("Pumps maintain", "End")
    assert [line[1:] for line in first.lines] == [(50.0, 24.0, 140.0, 36.0), (50.0, 40.0, 95.0, 50.0)]


async def test_without_a_recogniser_the_other_pages_are_read_and_the_scanned_ones_counted() -> None:
    document = await Sandbox(ocr="", limits=PATIENT).read(pieces(scanned("The pump needs oil.")), FORMATS["pdf"])
    assert "This page has letters." in document.text
    assert document.properties["pages_not_recognised"] == "1"


@needs_tesseract
async def test_scanned_pages_among_others_are_recognised() -> None:
    document = await Sandbox(limits=PATIENT).read(pieces(scanned("The pump needs oil.")), FORMATS["pdf"])
    assert "The pump needs oil." in document.pages[0].text
    assert "This page has letters." in document.pages[1].text
    assert "pages_not_recognised" not in document.properties
    start = document.text.index("The pump")
    (box,) = boxes_between(document.boxes, start, start + len("The pump needs oil."))
    assert box.page == 1
    assert abs(box.x0 - 60) < 5
    assert box.y0 < 842 - 760 + 3 and box.y1 > 842 - 760 - 6


@needs_tesseract
@pytest.mark.skipif(not REAL.is_dir(), reason="missing: test documents (VOICEAGENT_DATA)")
async def test_a_real_scan_is_read() -> None:
    data = (REAL / "pdf-scanned" / "non_text_searchable.pdf").read_bytes()
    document = await Sandbox(limits=PATIENT).read(pieces(data), FORMATS["pdf"])
    assert "This is an example of a non-text-searchable PDF" in document.text
    assert document.boxes
    assert document.properties["text_recognised"] == "yes"


async def test_a_recogniser_that_does_not_start_fails_the_scan_only() -> None:
    with pytest.raises(ParseFailed) as caught:
        await Sandbox(ocr="/usr/bin/no-such-program", limits=PATIENT).read(pieces(only_scans("Oil.")), FORMATS["pdf"])
    assert caught.value.code == "ocr_failed"
    document = await Sandbox(ocr="/usr/bin/no-such-program", limits=PATIENT).read(
        pieces(scanned("Oil.")), FORMATS["pdf"]
    )
    assert "This page has letters." in document.text


def only_scans(text: str) -> bytes:
    return scanned(text).replace(b"This page has letters.", b"                      ")
