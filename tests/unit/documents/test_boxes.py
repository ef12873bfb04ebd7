"""Where the words of a page stand: every character of a PDF's text has a box, and what PDFium finds in that box are those characters."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.documents_kit import OWNER, PATIENT, documents_kit, pdf, pieces

from voiceagent.documents.formats import FORMATS
from voiceagent.documents.parse.blocks import Block, Placed
from voiceagent.documents.parse.places import boxes_of
from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.parts import packed, unpacked
from voiceagent.documents.sandbox import Sandbox
from voiceagent.domain.document import Box, SearchQuery, boxes_between

REAL = Path(os.environ.get("VOICEAGENT_DATA", str(Path(__file__).parents[4] / "shared" / "data"))) / "documents"
WORDS = [
    "pdf-plain/*.pdf",
    "pdf-multi-column/*.pdf",
    "pdf-table/*.pdf",
    "pdf-rotated/*.pdf",
]
_SPACES = re.compile(r"[\W_]+")


def turned(data: bytes, degrees: int) -> bytes:
    return data.replace(b"/MediaBox [0 0 612 842]", b"/MediaBox [0 0 612 842] /Rotate %d" % degrees)


async def read(data: bytes) -> ParsedDocument:
    return await Sandbox(ocr="", limits=PATIENT).read(pieces(data), FORMATS["pdf"])


def words_at(data: bytes, box: Box) -> str:
    """What PDFium says stands in the box, looked up in the other direction: from the page to the characters."""
    document = pypdfium2.PdfDocument(data)
    page = pdfium.FPDF_LoadPage(document, box.page - 1)
    text_page = pdfium.FPDFText_LoadPage(page)
    width, height = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
    corners = []
    for x, y in ((box.x0 - 1, box.y0 - 1), (box.x1 + 1, box.y1 + 1)):
        page_x, page_y = ctypes.c_double(), ctypes.c_double()
        size = (int(width * 64), int(height * 64))
        pdfium.FPDF_DeviceToPage(page, 0, 0, *size, 0, int(x * 64), int(y * 64), page_x, page_y)
        corners.append((page_x.value, page_y.value))
    (x0, y0), (x1, y1) = corners
    edges = (min(x0, x1), max(y0, y1), max(x0, x1), min(y0, y1))
    units = (ctypes.c_ushort * 4_000)()
    count = pdfium.FPDFText_GetBoundedText(text_page, *edges, units, 4_000)
    pdfium.FPDFText_ClosePage(text_page)
    pdfium.FPDF_ClosePage(page)
    return bytes(units)[: max(count, 0) * 2].decode("utf-16-le", "replace")


def bare(text: str) -> str:
    return _SPACES.sub("", text.replace("\x00", "").replace("\u2019", "'")).lower()


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
async def test_a_sentence_has_its_box_however_the_page_is_turned(degrees: int) -> None:
    data = turned(pdf("The first line of the page.\nThe second line of it.", "Another page."), degrees)
    document = await read(data)
    start = document.text.index("The second line of it.")
    (box,) = boxes_between(document.boxes, start, start + len("The second line of it."))
    assert "The second line of it." in words_at(data, box)
    assert "first" not in words_at(data, box)
    page = document.pages[box.page - 1]
    assert (page.width, page.height) == ((612.0, 842.0) if degrees % 180 == 0 else (842.0, 612.0))
    assert 0 <= box.x0 < box.x1 <= page.width
    assert 0 <= box.y0 < box.y1 <= page.height


@pytest.mark.skipif(not REAL.is_dir(), reason="missing: test documents (VOICEAGENT_DATA)")
@pytest.mark.parametrize("pattern", WORDS)
async def test_boxes_of_real_documents_hold_their_lines(pattern: str) -> None:
    right, wrong, covered, total = 0, [], 0, 0
    for path in sorted(REAL.glob(pattern)):
        data = path.read_bytes()
        document = await read(data)
        total += len(bare(document.text))
        covered += sum(len(bare(document.text[box.start : box.end])) for box in document.boxes)
        for box in document.boxes[:: max(len(document.boxes) // 40, 1)]:
            wanted = bare(document.text[box.start : box.end])
            found = bare(words_at(data, box))
            if wanted in found or found in wanted or len(set(wanted) & set(found)) > 0.9 * len(set(wanted)):
                right += 1
            else:
                wrong.append((path.name, box, wanted, found))
    assert right > 20
    assert len(wrong) <= 0.02 * right, wrong[:5]
    assert covered >= 0.97 * total


async def test_a_search_tells_where_the_passage_stands(tmp_path: Path) -> None:
    async with documents_kit(tmp_path) as kit:
        await kit.ready("handbook.pdf", pdf("Introduction to the plant.", "The boiler needs\nwater every hour."))
        (best, *_) = await kit.service.search(OWNER, SearchQuery("boiler water", limit=1, deadline_s=60.0))
    chunk = best.chunk
    assert [(box.page, chunk.text[box.start - chunk.start : box.end - chunk.start]) for box in chunk.boxes][-2:] == [
        (2, "The boiler needs"),
        (2, "water every hour."),
    ]


def test_boxes_survive_storing_and_texts_of_earlier_versions_are_read() -> None:
    boxes = (Box(1, 0, 5, 1.0, 2.0, 3.0, 4.5),)
    document = ParsedDocument("words", (), (), boxes=boxes)
    assert unpacked(packed(document)).boxes == boxes
    old = b'{"pages":[[1,"words",0]],"spans":[],"text":"words","properties":{},"hidden":{}}'
    assert unpacked(old).boxes == ()
    assert unpacked(old).pages[0].width == 0.0


def test_a_part_of_a_line_has_a_part_of_its_box() -> None:
    box = Box(1, 10, 20, 100.0, 50.0, 200.0, 60.0)
    assert boxes_between((box,), 12, 17) == (Box(1, 12, 17, 120.0, 50.0, 170.0, 60.0),)
    assert boxes_between((box,), 0, 10) == ()


@given(
    st.lists(st.text(alphabet="ab -\u00ad\u200bé", min_size=1, max_size=12), min_size=1, max_size=8),
    st.text("abé \n", max_size=60),
)
def test_boxes_stay_in_order_and_inside_the_text(lines: list[str], text: str) -> None:
    placed = tuple(Placed(line, 0.0, 10.0 * at, 9.0, 10.0 * at + 9) for at, line in enumerate(lines))
    for kind in ("text", "table"):
        found = boxes_of(Block(kind, text, 0, placed), text, 100)  # type: ignore[arg-type]
        ends = [100]
        for start, end, *_ in found:
            assert ends[-1] <= start < end <= 100 + len(text)
            ends.append(end)
