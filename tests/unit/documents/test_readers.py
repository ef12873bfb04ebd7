"""The readers, inside this process: what each format gives. How they are locked in is tested in tests/hostile."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.documents_kit import PATIENT, archive, docx, paragraph, pdf, pieces

from voiceagent.documents.formats import FORMATS, HEAD_BYTES, format_of
from voiceagent.documents.parse.blocks import Block, Task, table_text
from voiceagent.documents.parse.docx import read as read_docx
from voiceagent.documents.parse.html import read as read_html
from voiceagent.documents.parse.mail import read as read_mail
from voiceagent.documents.parse.office import read_sheets, read_slides
from voiceagent.documents.parse.pdf.layout import Cell, Line, PageLines, blocks_of, without_repeated_margins
from voiceagent.documents.parse.pdf.reader import read as read_pdf
from voiceagent.documents.parse.text import decode, read_markdown
from voiceagent.documents.sandbox import ParseFailed, Sandbox
from voiceagent.kit.errors import Unsupported

REAL = Path(os.environ.get("VOICEAGENT_DATA", str(Path(__file__).parents[4] / "shared" / "data"))) / "documents"


def flat(pages: list[list[Block]]) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, block.text.strip()) for page in pages for block in page if block.text.strip()]


# Word


def test_docx_headings_lists_tables_in_order() -> None:
    row = "<w:tr><w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr>"
    table = (
        "<w:tbl>"
        + row.format(paragraph("Item"), paragraph("Price"))
        + row.format(paragraph("Tea"), paragraph("3"))
        + "</w:tbl>"
    )
    body = (
        paragraph("Terms", '<w:pStyle w:val="H1b"/>')
        + paragraph("First words.")
        + paragraph("one", '<w:numPr><w:numId w:val="1"/></w:numPr>')
        + table
        + paragraph("Last words.")
    )
    assert flat(list(read_docx(Task(docx(body))))) == [
        ("heading", 1, "Terms"),
        ("text", 0, "First words."),
        ("list", 0, "- one"),
        ("table", 0, "| Item | Price |\n| Tea | 3 |"),
        ("text", 0, "Last words."),
    ]


def test_docx_pages_follow_breaks_and_notes_come_last() -> None:
    body = paragraph("Page one.") + "<w:p><w:r><w:br w:type='page'/><w:t>Page two.</w:t></w:r></w:p>"
    notes = '<w:footnotes xmlns:w="x"><w:footnote><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    pages = list(read_docx(Task(docx(body, word__footnotes=notes))))
    assert [[block.text.strip() for block in page] for page in pages] == [["Page one."], ["Page two.", "A note."]]


def test_docx_leaves_out_deleted_and_hidden_words_and_counts_the_hidden() -> None:
    body = paragraph("seen ") + paragraph("secret", run="<w:vanish/>") + paragraph("tiny", run='<w:sz w:val="2"/>')
    body += (
        "<w:p><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del><w:ins><w:r><w:t>added</w:t></w:r></w:ins></w:p>"
    )
    task = Task(docx(body))
    assert [text for _, _, text in flat(list(read_docx(task)))] == ["seen", "added"]
    assert task.hidden["vanish"] == 2


# HTML, Markdown, mail, slides, sheets


def test_html_gives_what_a_browser_shows() -> None:
    source = b"""<html><head><title>T</title><meta name=author content=Anna><style>p{}</style></head><body>
    <h2>Rules</h2><p>One <b>bold</b> word.<script>alert(1)</script><ul><li>first<li>second</ul>
    <table><caption>Prices</caption><tr><th>a<th>b<tr><td>1<td>2</table><div hidden>gone</div><p style="display: none">gone too</p>after</body>"""
    task = Task(source)
    assert flat(list(read_html(task))) == [
        ("heading", 2, "Rules"),
        ("text", 0, "One bold word."),
        ("list", 0, "- first"),
        ("list", 0, "- second"),
        ("text", 0, "Prices"),
        ("table", 0, "| a | b |\n| 1 | 2 |"),
        ("text", 0, "after"),
    ]
    assert (task.properties["title"], task.properties["authors"], task.hidden["invisible"]) == ("T", "Anna", 2)


def test_markdown_keeps_structure_and_drops_marks() -> None:
    source = (
        b'# Title #\n\nSome **bold** and [a link](http://x.y "t").\n\nUnder\n-----\n- a\n- b\n\n'
        b"| x | y |\n|---|---|\n| 1 | 2 |\n<!-- no -->\n```\ncode # not a heading\n```\n"
    )
    task = Task(source)
    assert flat(list(read_markdown(task))) == [
        ("heading", 1, "Title"),
        ("text", 0, "Some bold and a link."),
        ("heading", 2, "Under"),
        ("list", 0, "- a\n- b"),
        ("table", 0, "| x | y |\n| 1 | 2 |"),
        ("text", 0, "code # not a heading"),
    ]
    assert task.hidden["comment"] == 1


def test_mail_gives_subject_sender_and_the_plain_words() -> None:
    source = (
        b"From: Anna <a@example.org>\r\nTo: b@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain words\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>marked words\r\n--b--\r\n"
    )
    found = flat(list(read_mail(Task(source))))
    assert found == [
        ("heading", 1, "Gr\u00fc\u00dfe"),
        ("text", 0, "From: Anna <a@example.org>\nTo: b@example.org"),
        ("text", 0, "plain words"),
    ]


def test_slides_and_sheets_are_pages() -> None:
    relation = '<Relationships><Relationship Id="r1" Target="{}"/></Relationships>'
    slide = '<sld><sp><ph type="title"/><p><t>Plan</t></p></sp><sp><p><t>Go</t></p></sp><sp><ph type="sldNum"/><p><t>7</t></p></sp></sld>'
    show = '<p xmlns:r="x"><sldId r:id="r1"/></p>'
    parts = {
        "ppt/presentation.xml": show,
        "ppt/_rels/presentation.xml.rels": relation.format("s.xml"),
        "ppt/s.xml": slide,
    }
    assert flat(list(read_slides(Task(archive(parts))))) == [("heading", 1, "Plan"), ("text", 0, "Go")]
    book = '<w xmlns:r="x"><sheet name="Costs" r:id="r1"/></w>'
    sheet = '<s><row><c r="A1" t="s"><v>0</v></c><c r="C1" t="b"><v>1</v></c></row><row><c r="B2" s="0"><v>45413</v></c></row></s>'
    parts = {
        "xl/workbook.xml": book,
        "xl/_rels/workbook.xml.rels": relation.format("/xl/s.xml"),
        "xl/s.xml": sheet,
        "xl/sharedStrings.xml": "<sst><si><t>Tea</t></si></sst>",
        "xl/styles.xml": '<s><cellXfs><xf numFmtId="14"/></cellXfs></s>',
    }
    rows = "| Tea |  | TRUE |\n|  | 2024-05-01 |  |"
    assert flat(list(read_sheets(Task(archive(parts))))) == [("heading", 1, "Costs"), ("table", 0, rows)]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "cp1252"]
)
def test_text_in_any_usual_encoding(encoding: str) -> None:
    text = "Plain words with \u00e4 few odd letters, long enough to be told.\n" * 3
    assert decode(text.encode(encoding)).lstrip("\ufeff") == text


# PDF layout


def line(
    text: str, x0: float, top: float, *, width: float | None = None, size: float = 10, cells: list[Cell] | None = None
) -> Line:
    return Line(text, x0, x0 + (width or 5 * len(text)), top, top + size, size, False, cells or [])


def unplaced(blocks: list[Block]) -> list[Block]:
    return [replace(block, lines=()) for block in blocks]


def test_lines_become_paragraphs_and_cut_words_are_joined() -> None:
    lines = [
        line("A Large Title", 50, 40, size=18),
        line("This is a para-", 50, 80),
        line("graph of Anglo-", 50, 92),
        line("Saxon words.", 50, 104),
    ]
    assert unplaced(blocks_of(PageLines(lines, 600, 800), 10)) == [
        Block("heading", "A Large Title", 1),
        Block("text", "This is a paragraph of Anglo-Saxon words."),
    ]


def test_columns_drawn_as_one_line_are_read_one_after_the_other() -> None:
    lines = []
    for at in range(12):
        left, right = f"left column, line number {at}", f"right column, line number {at}"
        cells = [Cell(left, 50, 250), Cell(right, 330, 530)]
        lines.append(line(f"{left} {right}", 50, 50 + 12 * at, width=480, cells=cells))
    text = " ".join(block.text for block in blocks_of(PageLines(lines, 600, 800), 10)).replace("\n", " ")
    assert text.index("left column, line number 11") < text.index("right column, line number 0")


def test_columns_drawn_row_by_row_are_read_one_after_the_other() -> None:
    lines = []
    for at in range(8):
        lines += [
            line(f"left column, line number {at}", 50, 50 + 12 * at, width=200),
            line(f"right column, line number {at}", 330, 50 + 12 * at, width=200),
        ]
    mixed = [one for pair in zip(lines[1::2], lines[0::2], strict=True) for one in pair]
    mixed.reverse()
    text = " ".join(block.text for block in blocks_of(PageLines(mixed, 600, 800), 10)).replace("\n", " ")
    assert text.index("left column, line number 7") < text.index("right column, line number 0")


def test_aligned_cells_become_a_table_and_prose_does_not() -> None:
    rows = [("Code", "Place", "Count"), ("A-1", "Hall", "12"), ("A-2", "Yard", "7")]
    lines = [
        line(
            " ".join(row),
            50,
            50 + 14 * at,
            width=300,
            cells=[Cell(cell, 50 + 120 * column, 90 + 120 * column) for column, cell in enumerate(row)],
        )
        for at, row in enumerate(rows)
    ]
    lines.append(line("After the table come words.", 50, 130))
    assert unplaced(blocks_of(PageLines(lines, 600, 800), 10)) == [
        Block("table", table_text([list(row) for row in rows])),
        Block("text", "After the table come words."),
    ]


def test_running_headers_and_page_numbers_go_but_for_the_first() -> None:
    pages = [
        PageLines(
            [
                line("Staff Handbook 2024", 50, 20),
                line(f"words of page {at}", 50, 300),
                line(f"Page {at} of 9", 50, 780),
            ],
            600,
            800,
        )
        for at in range(1, 6)
    ]
    assert without_repeated_margins(pages) == 8
    assert [len(page.lines) for page in pages] == [3, 1, 1, 1, 1]


def test_pdf_pages_and_properties() -> None:
    pages = list(read_pdf(Task(pdf("First page.\nSecond line.", "", "Third page."))))
    assert [" ".join(block.text for block in page).replace("\n", " ") for page in pages] == [
        "First page. Second line.",
        "",
        "Third page.",
    ]


# Formats


@pytest.mark.parametrize(
    ("name", "media_type", "head", "found"),
    [
        ("a.PDF", "application/pdf", b"%PDF-1.4", "pdf"),
        ("a.md", "text/plain", b"# x", "md"),
        ("a.docx", "application/zip", b"PK\x03\x04", "docx"),
        ("a.txt", "text/plain; charset=utf-16", b"\xff\xfea\x00", "txt"),
        ("a.html", "", b"  <!doctype html>", "html"),
        ("a.csv", "text/csv", b"a,b", "txt"),
    ],
)
def test_name_type_and_first_bytes_agree(name: str, media_type: str, head: bytes, found: str) -> None:
    assert format_of(name, media_type, head).name == found


@pytest.mark.parametrize(
    ("name", "media_type", "head"),
    [
        ("a.html", "", b"no markup"),
        ("a.eml", "", b"no header"),
        ("a.txt", "", b"a\x00b\x00\x00"),
        ("a.pdf", "text/html", b"%PDF-1.4"),
        ("pdf", "", b"%PDF-1.4"),
    ],
)
def test_what_does_not_agree_is_refused(name: str, media_type: str, head: bytes) -> None:
    with pytest.raises(Unsupported):
        format_of(name, media_type, head)


# Real files


def _real() -> list[Any]:
    if not REAL.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="missing: test documents (set VOICEAGENT_DATA)"))]
    entries = [json.loads(text) for text in (REAL / "manifest.jsonl").read_text().splitlines()]
    return [pytest.param(entry, id=entry["file"]) for entry in entries]


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).lower()).strip()


_NOT_IN_PDFIUM = {"Plaza Sotomayor 50"}  # a phrase of the text layer of a scan that PDFium takes apart
_NOT_OPENED_BY_PDFIUM = (
    "r5-user-password.pdf"  # an empty owner password opens it elsewhere; here it asks for the password
)


@pytest.mark.parametrize("entry", _real())
async def test_a_real_file_gives_its_words_or_its_reason(entry: dict[str, Any]) -> None:
    data = (REAL / entry["file"]).read_bytes()
    lenient = (
        entry.get("may_fail") or entry.get("maybe_unsupported") or entry.get("no_text") or entry.get("no_text_layer")
    )
    try:
        document = await Sandbox(ocr="", limits=PATIENT).read(
            pieces(data), format_of(entry["file"], "", data[:HEAD_BYTES])
        )
    except (ParseFailed, Unsupported):
        assert entry["should_fail"] or lenient or _NOT_OPENED_BY_PDFIUM in entry["file"]
        return
    assert not entry["should_fail"]
    text = _plain(document.text)
    assert [
        one for one in entry.get("expected_contains", []) if _plain(one) not in text and one not in _NOT_IN_PDFIUM
    ] == []
    assert [one for one in entry.get("must_not_contain", []) if one in document.text] == []
    assert entry["pages"] in (None, len(document.pages))


@pytest.mark.skipif(not REAL.exists(), reason="missing: test documents (set VOICEAGENT_DATA)")
async def test_a_password_opens_an_encrypted_file() -> None:
    data = (REAL / "pdf-encrypted" / "password-example.pdf").read_bytes()
    for password, code in (("", "password_needed"), ("wrong", "wrong_password")):
        with pytest.raises(ParseFailed) as caught:
            await Sandbox(ocr="", limits=PATIENT).read(pieces(data), FORMATS["pdf"], password=password)
        assert caught.value.code == code
    document = await Sandbox(ocr="", limits=PATIENT).read(pieces(data), FORMATS["pdf"], password="test")
    assert "backup solution" in document.text


def test_lines_that_run_over_the_gap_between_two_columns_are_parted_like_the_others() -> None:
    """Drawn row by row, with a gap that is narrow for the length of some lines."""
    long = "this left column goes on for so long that hardly any gap is left over"
    left = [long if at % 3 else f"short left {at}" for at in range(30)]
    drawn = " ".join(
        f"1 0 0 1 {x} {780 - 15 * at} Tm ({text}) Tj"
        for at in range(30)
        for x, text in ((50, left[at]), (340, f"and right of it stands line {at} of the other column"))
    )
    stream = f"BT /F1 9 Tf {drawn} ET".encode()
    data = pdf("x", size=9)
    begin = data.index(b"<< /Length")
    end = data.index(b"endstream") + len(b"endstream")
    data = data[:begin] + b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream) + data[end:]
    text = " ".join(block.text for blocks in read_pdf(Task(data)) for block in blocks).replace("\n", " ")
    assert text.index("stands line 0 of") > text.rindex(long)
    assert text.count(long) == sum(1 for one in left if one == long)
