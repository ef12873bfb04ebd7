"""Between index and caller: near-doubles left out, neighbouring chunks joined within their room."""

from __future__ import annotations

from voiceagent.documents.retrieval.alike import without_duplicates
from voiceagent.documents.retrieval.joining import joined
from voiceagent.domain.document import Box, Chunk, Passage, page_at

TEXT = "Alpha one two three.\nBeta four five six.\n\nGamma seven eight nine.\nDelta ten eleven."


def chunk(ordinal: int, document_id: str = "doc_1") -> Chunk:
    """A sentence of TEXT; two of them stand on a page."""
    lines = [line for line in TEXT.split("\n") if line]
    start = TEXT.index(lines[ordinal])
    end = start + len(lines[ordinal])
    boxes = (Box(1 + ordinal // 2, start, end, 0, ordinal, 9, ordinal + 1),)
    return Chunk(
        f"{document_id}.{ordinal}",
        document_id,
        "col",
        ordinal,
        1 + ordinal // 2,
        start,
        end,
        TEXT[start:end],
        "",
        boxes,
    )


def passage(ordinal: int, around: tuple[int, ...] = (), *, score: float = 1.0, document_id: str = "doc_1") -> Passage:
    chunks = tuple(chunk(one, document_id) for one in around)
    return Passage(chunk(ordinal, document_id), "Title", score, chunks)


def test_neighbours_are_joined_with_true_offsets_pages_and_boxes() -> None:
    [made] = joined([passage(1, (0, 2))], 1_000)
    assert (made.chunk.start, made.chunk.end) == (0, TEXT.index("nine.") + 5)
    assert len(made.chunk.text) == made.chunk.end - made.chunk.start
    for word in ("Alpha", "Beta", "Gamma"):
        assert made.chunk.text.index(word) == TEXT.index(word)
    assert (made.chunk.chunk_id, made.chunk.page, made.around) == ("doc_1.1", 1, ())
    assert [page_at(made, TEXT.index(word)) for word in ("Alpha", "Beta", "Gamma")] == [1, 1, 2]
    assert [box.y0 for box in made.chunk.boxes] == [0, 1, 2]


def test_room_is_for_found_chunks_first_then_for_the_chunk_after_the_best() -> None:
    found = [passage(1, (0, 2)), passage(1, (0, 2), document_id="doc_2", score=0.5)]
    cores = sum(len(one.chunk.text) for one in found)
    assert [one.chunk for one in joined(found, 0)] == [one.chunk for one in found]
    first, second = joined(found, cores + len(chunk(2).text))
    assert (first.chunk.start, first.chunk.end) == (chunk(1).start, chunk(2).end)
    assert second.chunk == chunk(1, "doc_2")


def test_no_chunk_is_told_twice() -> None:
    made = joined([passage(1, (0, 2)), passage(2, (1, 3)), passage(3, (2,))], 1_000)
    assert [(one.chunk.start, one.chunk.end) for one in made] == [(0, chunk(2).end), (chunk(3).start, chunk(3).end)]


def test_chunks_that_do_not_follow_each_other_are_not_joined() -> None:
    assert joined([passage(1, (3,))], 1_000)[0].chunk == chunk(1)
    far = Chunk("doc_1.2", "doc_1", "col", 2, 1, 900, 910, "elsewhere!")
    assert joined([Passage(chunk(1), "Title", 1.0, (far,))], 1_000)[0].chunk == chunk(1)


def said(*texts: str) -> list[str]:
    found = [
        Passage(Chunk(f"c{at}", f"d{at}", "col", 0, 1, 0, len(text), text), "Title", 1.0 - at / 10)
        for at, text in enumerate(texts)
    ]
    return [one.chunk.text for one in without_duplicates(found)]


LEAVE = (
    "Every employee has thirty days of paid leave a year. Unused leave expires on 31 March of the next year. Leave is asked for in writing, "
    "two weeks before it begins, and the head of the department answers within three working days."
)


def test_the_same_text_another_edition_and_another_layout_are_doubles() -> None:
    edited = LEAVE.replace("thirty", "thirty-one").replace("three working days", "three days")
    laid_out = LEAVE.upper().replace(". ", ".\n\n")
    assert said(LEAVE, LEAVE, edited, laid_out) == [LEAVE]


def test_the_same_paragraph_cut_a_little_later_is_a_double() -> None:
    assert said(LEAVE, LEAVE.partition(". ")[2]) == [LEAVE]


def test_a_short_text_within_a_long_one_and_one_about_the_same_are_none() -> None:
    short = "Unused leave expires on 31 March of the next year."
    other = (
        "Every employee may take unpaid leave for up to a year. It is asked for in writing and answered by the board."
    )
    assert said(LEAVE, short, other) == [LEAVE, short, other]
    assert said("", "a", "b") == ["", "a", "b"]
