"""Chunks: offsets exact, nothing lost, nothing twice, sentences and pages kept."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from voiceagent.documents.parsed import PAGE_BREAK, ParsedDocument, Span
from voiceagent.documents.split import ChunkSize, count_words, split
from voiceagent.domain.document import Page

_CHARACTERS = st.sampled_from(list("abc éß日本語ไทย  \n\n.!?。\"')1-|\u00a0\u2028\u3000"))
_PAGE_TEXTS = st.lists(st.text(_CHARACTERS, max_size=300), min_size=1, max_size=4)


def document_of(*page_texts: str, spans: tuple[Span, ...] = ()) -> ParsedDocument:
    pages, start = [], 0
    for number, text in enumerate(page_texts, start=1):
        pages.append(Page(number, text, start))
        start += len(text) + len(PAGE_BREAK)
    return ParsedDocument(PAGE_BREAK.join(page_texts), tuple(pages), spans)


@st.composite
def documents(draw: st.DrawFn) -> ParsedDocument:
    plain = document_of(*draw(_PAGE_TEXTS))
    cuts = sorted(draw(st.lists(st.integers(0, len(plain.text)), max_size=12)))
    kinds = st.sampled_from(["heading", "text", "list", "table"])
    spans = []
    for start, end in pairwise(cuts):
        kind = draw(kinds)
        spans.append(Span(kind, draw(st.integers(1, 3)) if kind == "heading" else 0, start, end))
    return ParsedDocument(plain.text, plain.pages, tuple(spans))


def page_at(document: ParsedDocument, position: int) -> int:
    return sum(page.start <= position for page in document.pages)


@given(documents())
@settings(max_examples=300, deadline=None)
def test_offsets_are_exact_and_every_word_is_in_exactly_one_chunk(document: ParsedDocument) -> None:
    size = ChunkSize(target_words=8, max_words=12, section_words=2, page_words=4)
    pieces = split(document, size)
    for piece in pieces:
        assert document.text[piece.start : piece.end] == piece.text
        assert piece.text == piece.text.strip() != ""
        last = piece.end - 1
        assert page_at(document, piece.start) <= piece.page <= page_at(document, last)
    for left, right in pairwise(pieces):
        assert left.end <= right.start
    covered = "".join(piece.text for piece in pieces)
    assert "".join(covered.split()) == "".join(document.text.split())


@given(st.integers(1, 5_000), st.sampled_from(["word ", "日本語", "x"]))
@settings(max_examples=60, deadline=None)
def test_no_chunk_is_over_the_maximum(count: int, unit: str) -> None:
    for piece in split(document_of(unit * count)):
        assert count_words(piece.text) <= ChunkSize().max_words
        assert len(piece.text) <= ChunkSize().max_words * 8


def test_sentences_stay_whole_and_abbreviations_do_not_end_them() -> None:
    sentence = "Dr. Smith paid approx. 3.50 euros for fig. 2 and left the building with everybody else. "
    for piece in split(document_of(sentence * 60)):
        assert piece.text.startswith("Dr. Smith")
        assert piece.text.endswith("everybody else.")


def test_a_heading_opens_a_chunk_and_names_the_ones_below_it() -> None:
    parts = [("heading", 1, "Handbook"), ("text", 0, "Words of welcome. " * 30), ("heading", 2, "Leave")]
    parts.append(("text", 0, "Each year has thirty days of leave. " * 40))
    text, spans = "", []
    for kind, level, body in parts:
        spans.append(Span(kind, level, len(text), len(text) + len(body)))  # type: ignore[arg-type]
        text += body + "\n"
    pieces = split(ParsedDocument(text, (Page(1, text, 0),), tuple(spans)))
    leave = [piece for piece in pieces if "thirty days" in piece.text]
    assert leave[0].text.startswith("Leave\n")
    assert {piece.heading for piece in leave} == {"Handbook > Leave"}
    assert all("welcome" not in piece.text for piece in leave)


def test_a_chunk_ends_with_its_page_when_it_is_long_enough() -> None:
    pieces = split(document_of("One word after another. " * 30, "Next page here. " * 30))
    assert [piece.page for piece in pieces] == [1, 2]


def test_rows_of_a_table_are_not_cut() -> None:
    rows = "\n".join(f"| item no. {at} | {at} kg. of salt |" for at in range(80))
    pieces = split(ParsedDocument(rows, (Page(1, rows, 0),), (Span("table", 0, 0, len(rows)),)))
    assert len(pieces) > 1
    for piece in pieces:
        assert piece.text.startswith("| item") and piece.text.endswith("salt |")


def test_no_text_gives_no_chunks() -> None:
    assert split(document_of("  \n ", "")) == ()


def test_a_title_page_of_few_words_goes_with_the_page_after_it_and_the_chunk_names_that_page() -> None:
    [piece] = split(document_of("House rules", "Guests leave their shoes at the door. " * 4))
    assert piece.page == 2
    assert piece.text.startswith("House rules")
