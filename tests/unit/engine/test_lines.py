"""What of a passage is told: no bare headings, rows with the names of their columns."""

from __future__ import annotations

import pytest
from tests.support.engine_parts import passage

from voiceagent.engine.grounding.evidence import candidates
from voiceagent.engine.grounding.lines import plain, tellings
from voiceagent.engine.grounding.wording import quoted

TEAMS = "| Cups | | |\n| Team | Town | Won |\n| Blues | St. Louis | 1 |\n| Leafs | Toronto | 13 |"


def said(text: str, *known: str, begins: bool = True) -> list[str]:
    return [one.said for one in tellings(text, {plain(name) for name in known}, begins=begins)]


def test_what_is_told_stands_where_it_says() -> None:
    text = "Leave\n\nYou have thirty days. Ask early.\n\nPAYMENT TERMS\n\nIt is due in May."
    found = list(tellings(text, {"leave"}))
    assert [text[one.start : one.end] for one in found] == [
        "You have thirty days.",
        "Ask early.",
        "PAYMENT TERMS\n\nIt is due in May.",
    ]


def test_a_title_or_heading_that_is_known_answers_nothing() -> None:
    assert said("Office move\n\nIt is on Monday.", "office_move") == ["It is on Monday."]


def test_another_heading_goes_with_what_follows_it() -> None:
    assert said("PATIENT INFORMATION\n\nName: R. Smith.") == ["Patient information: Name: R. Smith."]


def test_a_heading_at_the_end_is_told_alone() -> None:
    assert said("It is on Monday.\n\nHarbour Street") == ["It is on Monday.", "Harbour Street"]


@pytest.mark.parametrize("line", ["Room 12", "- milk", "Call us:", "He left."])
def test_lines_that_say_something_are_no_headings(line: str) -> None:
    assert said(f"{line}\n\nMore follows here.") == [line, "More follows here."]


def test_rows_are_said_with_the_names_of_their_columns() -> None:
    assert said(TEAMS) == ["Team: Blues, Town: St. Louis, Won: 1", "Team: Leafs, Town: Toronto, Won: 13"]


def test_pairs_and_tables_without_names_are_said_as_they_stand() -> None:
    assert said("| Owner | Anna |\n| Since | 2019 |") == ["Owner: Anna", "Since: 2019"]
    assert said("| 1 | 2 | 3 |\n| 4 | 5 | 6 |") == ["1, 2, 3", "4, 5, 6"]
    assert said("| a | b | c |\n|---|---|---|\n| d | | f |") == ["a: d, c: f"]


def test_a_table_that_may_have_begun_before_the_passage_lends_no_names() -> None:
    assert said("| Anna | Sales | Bonn |\n| Ben | Law | Ulm |", begins=False) == ["Anna, Sales, Bonn", "Ben, Law, Ulm"]


def test_the_row_that_is_told_is_cited_as_it_stands() -> None:
    best = candidates("How many did the Leafs win?", [passage(1, f"Results so far.\n\n{TEAMS}")])[0]
    assert best.text == "| Leafs | Toronto | 13 |"
    assert quoted(best.said) == "Team: Leafs, Town: Toronto, Won: 13."
