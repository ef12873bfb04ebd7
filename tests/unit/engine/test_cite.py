"""Marks become citations, markup is not heard, and how the text is cut into deltas changes nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.engine_parts import passage

from voiceagent.domain.document import Box
from voiceagent.domain.reply import ReplyCitation, ReplyText
from voiceagent.engine.cite import CitedText, Said

PASSAGES = (passage(1, "Paris is the capital."), passage(2, "It lies on the Seine."), passage(3, "x" * 900))


def told(text: str, *, cuts: list[int] | None = None, spoken: bool = True, passages: bool = True) -> list[Said]:
    reader = CitedText(PASSAGES if passages else (), spoken=spoken)
    said: list[Said] = []
    edges = [0, *sorted({min(cut, len(text)) for cut in cuts or []}), len(text)]
    for start, end in pairwise(edges):
        said += reader.feed(text[start:end])
    return said + reader.end()


def words(said: list[Said]) -> str:
    return "".join(event.text for event in said if isinstance(event, ReplyText))


def sources(said: list[Said]) -> list[str]:
    return [event.citation.document_id for event in said if isinstance(event, ReplyCitation)]


def merged(said: list[Said]) -> list[object]:
    """The events with neighbouring texts joined: what a listener can tell apart."""
    out: list[object] = []
    for event in said:
        if isinstance(event, ReplyCitation):
            out.append((event.citation.document_id,))
        elif out and isinstance(out[-1], str):
            out[-1] += event.text
        else:
            out.append(event.text)
    return out


@pytest.mark.parametrize(
    ("text", "heard", "cited"),
    [
        ("Paris [1].", "Paris.", ["doc_1"]),
        ("Paris [1][2] it is.", "Paris it is.", ["doc_1", "doc_2"]),
        ("Paris [1, 3].", "Paris.", ["doc_1", "doc_3"]),
        ("Paris [^2] lies.", "Paris lies.", ["doc_2"]),
        ("Paris [9].", "Paris.", []),
        ("Paris [1]", "Paris", ["doc_1"]),
        ("He said [sic] that.", "He said [sic] that.", []),
        ("An open [ bracket", "An open [ bracket", []),
        ("An open [1", "An open [1", []),
        ("See [the page](http://x.y/z) now", "See the page now", []),
        ("See [1](http://x.y/z) now", "See 1 now", []),
        ("**Bold** and *it* and `code`.", "Bold and it and code.", []),
        ("5 * 3 is 15, 2**3 is 8", "5 * 3 is 15, 2**3 is 8", []),
        ("snake_case and _this_", "snake_case and this", []),
        ("# Title\n- one\n* two\n3. three\n> four", "Title\none\ntwo\nthree\nfour", []),
        ("12 apples cost 3. That is all.", "12 apples cost 3. That is all.", []),
        ("Assistant: Hello.", "Hello.", []),
        ("  assistant :  Hello.", "Hello.", []),
        ("Assistants help.", "Assistants help.", []),
        ("AI: Yes.", "Yes.", []),
        ("Air is thin.", "Air is thin.", []),
        ("A: Yes.", "Yes.", []),
        ("A dog.", "A dog.", []),
        ("", "", []),
    ],
)
def test_what_is_heard_and_what_is_cited(text: str, heard: str, cited: list[str]) -> None:
    said = told(text)
    assert (words(said), sources(said)) == (heard, cited)


def test_a_citation_comes_after_the_words_that_rest_on_it_and_names_its_place() -> None:
    said = told("Paris [1]. And more [3].")
    assert merged(said) == ["Paris", ("doc_1",), ". And more", ("doc_3",), "."]
    first, third = (event.citation for event in said if isinstance(event, ReplyCitation))
    assert (first.title, first.page, first.start, first.end) == ("Document 1", 1, 10, 10 + len("Paris is the capital."))
    assert first.quote == "Paris is the capital."
    assert third.quote == "x" * 300


def test_a_written_answer_keeps_its_markup_and_without_passages_its_brackets() -> None:
    assert words(told("**Bold** [1]\n- a", spoken=False)) == "**Bold**\n- a"
    assert words(told("x[2] = **y**", spoken=False, passages=False)) == "x[2] = **y**"


def test_plain_words_are_never_held_back() -> None:
    reader = CitedText(PASSAGES)
    assert words(reader.feed("Hello")) == "Hello"
    assert words(reader.feed(" world")) == " world"


PIECES = st.sampled_from(
    [
        "[",
        "]",
        "1",
        "2",
        "12",
        ",",
        " ",
        "\n",
        "*",
        "**",
        "_",
        "`",
        "#",
        "-",
        ".",
        "(",
        ")",
        "Paris",
        "assistant",
        ":",
        "^",
        ">",
        "é",
    ]
)


@given(
    st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60),
    st.lists(st.integers(0, 80), max_size=20),
    st.booleans(),
    st.booleans(),
)
@example("Paris [1] x", [7, 8, 9], True, True)
def test_the_cuts_between_deltas_change_nothing(text: str, cuts: list[int], spoken: bool, passages: bool) -> None:
    whole = merged(told(text, spoken=spoken, passages=passages))
    assert merged(told(text, cuts=cuts, spoken=spoken, passages=passages)) == whole
    assert merged(told(text, cuts=list(range(len(text))), spoken=spoken, passages=passages)) == whole


@given(st.text(alphabet=st.characters(categories=("L", "Nd", "Zs", "Po"), exclude_characters="[]*_`~#>•:\u00a0")))
def test_text_without_markup_is_heard_as_it_is(text: str) -> None:
    plain = "x" + "".join(text.split("\n"))
    assert words(told(plain)).rstrip() == plain.rstrip()


def test_a_citation_names_the_sentence_that_was_told_its_page_and_its_boxes() -> None:
    text = "The office opens at eight. Parking is free for visitors. Unused leave expires on 31 March."
    begins = text.index("Unused")
    boxes = (Box(4, 10, 10 + 26, 60, 700, 300, 712), Box(5, 10 + begins, 10 + len(text), 60, 80, 320, 92))
    found = passage(1, text)
    found = replace(found, chunk=replace(found.chunk, page=4, boxes=boxes), pages=((10, 4), (10 + begins, 5)))
    answer = "Leave that is not used expires in March [1]. The office is open from eight [1]."
    for step in (1, 7, len(answer)):
        reader = CitedText((found,))
        said: list[Said] = []
        for at in range(0, len(answer), step):
            said += reader.feed(answer[at : at + step])
        first, second = [one.citation for one in [*said, *reader.end()] if isinstance(one, ReplyCitation)]
        assert (first.quote, first.page) == ("Unused leave expires on 31 March.", 5)
        assert text[first.start - 10 : first.end - 10] == first.quote
        assert [(box.page, box.y0) for box in first.boxes] == [(5, 80)]
        assert (second.quote, second.page) == ("The office opens at eight.", 4)
        assert [(box.page, box.y0) for box in second.boxes] == [(4, 700)]


def test_an_answer_that_shares_no_word_cites_the_beginning_of_the_passage() -> None:
    [cited] = [one.citation for one in told("Yes [3].") if isinstance(one, ReplyCitation)]
    assert (cited.start, cited.end, cited.quote) == (10, 310, "x" * 300)
