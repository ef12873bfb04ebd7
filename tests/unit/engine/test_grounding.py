"""Answers that rest on documents: questions told from small talk, the sentence that answers, how it is said, and when none does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.support.engine_parts import EngineKit, engine_kit, passage

from voiceagent.adapters.embed.hashed import HashedEmbedder
from voiceagent.domain.document import Passage
from voiceagent.domain.reply import ReplyCitation, ReplyDone, ReplyEvent, ReplyText, ToolSpec
from voiceagent.engine.grounding.evidence import candidates
from voiceagent.engine.grounding.judge import Judge
from voiceagent.engine.grounding.questions import is_small_talk, wants_information
from voiceagent.engine.grounding.sentences import sentences
from voiceagent.engine.grounding.wording import NOT_FOUND, introduced, quoted, spelled
from voiceagent.engine.grounding.words import content
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.kit.errors import Unavailable

HANDBOOK = (
    "The office opens at eight. Visitors must sign the book at the reception desk. "
    "Every employee has thirty days of paid leave a year. Unused leave expires on 31 March of the next year."
)


def page(number: int, text: str, *, title: str = "Employee Handbook", score: float = 1.0) -> Passage:
    found = passage(number, text)
    return replace(found, title=title, score=score)


@pytest.mark.parametrize(
    "said",
    [
        "Hello!",
        "Thank you very much.",
        "How are you today?",
        "Who are you?",
        "What can you do?",
        "Tell me a joke.",
        "Yes, please",
        "",
        "...",
    ],
)
def test_talk_about_the_talk_is_small_talk(said: str) -> None:
    assert is_small_talk(said)
    assert not wants_information(said)


@pytest.mark.parametrize(
    "said",
    ["When does unused leave expire?", "what is the notice period", "in which year was it built", "Tell me about the parking rules",
     "I would like to know who signs it", "Thanks, and how many days of leave do I have?"],
)  # fmt: skip
def test_a_question_about_things_wants_information(said: str) -> None:
    assert not is_small_talk(said)
    assert wants_information(said)


def test_a_statement_is_neither() -> None:
    assert not is_small_talk("I would order a coffee")
    assert not wants_information("I would order a coffee")


def test_sentences_are_cut_where_they_end_and_stand_where_they_say() -> None:
    text = (
        "Dr. Smith came at 5 p.m. on Monday. He left!  \n\n- first item\n- second item\nJ. Doe vs. the U.S. state. End"
    )
    found = [text[start:end] for start, end in sentences(text)]
    assert found == [
        "Dr. Smith came at 5 p.m. on Monday.", "He left!", "- first item", "- second item\nJ. Doe vs. the U.S. state.", "End",
    ]  # fmt: skip


def test_forms_of_a_word_are_one_word() -> None:
    assert content("expires expired expiring") == content("expire expire expire")
    assert content("stopped")[0] == content("stops")[0]
    assert content("Café's 1,000") == content("cafe 1000")
    assert content("what is the of it") == []


def test_the_sentence_that_holds_the_questions_words_comes_first() -> None:
    best = candidates(
        "When does unused leave expire?", [page(4, HANDBOOK), page(5, "Leave the room quietly.", score=0.4)]
    )[0]
    assert best.text == "Unused leave expires on 31 March of the next year."
    assert HANDBOOK[best.start : best.end] == best.text
    assert best.passage == 0


def test_a_question_without_telling_words_scores_nothing_and_does_not_fail() -> None:
    found = candidates("what is it", [page(1, HANDBOOK)])
    assert found
    assert all(one.features.own == 0.0 for one in found)
    assert candidates("what", []) == []


def test_a_sentence_that_points_back_has_the_words_of_the_one_before() -> None:
    found = candidates(
        "When did the museum open?", [page(1, "The museum stands in Bonn. It opened in 1996. Trees grow.")]
    )
    assert [one.features.near for one in found if one.text.startswith("It")] == [pytest.approx(1.0)]


@pytest.mark.parametrize(
    ("title", "number", "said"),
    [
        ("Employee Handbook", 4, "The Employee Handbook says, on page four: "),
        ("the_house_rules.pdf", 21, "The house rules say, on page twenty-one: "),
        ("Geology", 120, "The document “Geology” says, on page 120: "),
        ("  ", 1, "The document says, on page one: "),
    ],
)
def test_who_says_it_and_on_which_page(title: str, number: int, said: str) -> None:
    assert introduced(page(number, "x", title=title), number, spoken=True) == said


def test_numbers_of_pages_are_words_when_spoken() -> None:
    assert [spelled(number) for number in (1, 13, 20, 99, 100)] == ["one", "thirteen", "twenty", "ninety-nine", "100"]
    assert introduced(page(4, "x"), 4, spoken=False).endswith("on page 4: ")


def test_a_quotation_is_one_line_that_ends() -> None:
    assert quoted("- It was\n built in 1900[3] [note 2]") == "It was built in 1900."


async def test_words_alone_decide_when_the_meaning_is_late_or_fails() -> None:
    class Failing(HashedEmbedder):
        async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> tuple[tuple[float, ...], ...]:
            raise Unavailable("embed_unavailable", "gone")

    for judge in (Judge(None), Judge(Failing(64))):
        verdict = await judge.verdict("When does unused leave expire?", [page(4, HANDBOOK)], within_s=1.0)
        assert verdict.sure
        assert verdict.best is not None
        assert verdict.best.features.meaning is None
        assert not (await judge.verdict("Who won the cup in Wales?", [page(4, HANDBOOK)], within_s=1.0)).sure


@asynccontextmanager
async def extracting() -> AsyncIterator[EngineKit]:
    """An engine that tells sentences of its documents."""
    async with engine_kit() as kit:
        parts = EngineParts(kit.store, kit.service.parts.router, kit.documents, grounding="extract")
        kit.documents.found = (page(4, HANDBOOK), page(5, "Cars are parked behind the house.", score=0.4))
        yield replace(kit, service=EngineService(parts))


async def answered(kit: EngineKit, said: str, **changes: object) -> tuple[str, list[ReplyEvent], ReplyDone]:
    request = replace(kit.request(said), **changes)  # type: ignore[arg-type]
    events = [event async for event in kit.service.reply(request)]
    done = events[-1]
    assert isinstance(done, ReplyDone)
    return "".join(event.text for event in events if isinstance(event, ReplyText)), events, done


async def test_the_sentence_that_answers_is_told_with_its_page_and_cited() -> None:
    async with extracting() as kit:
        text, events, done = await answered(kit, "When does unused leave expire?")
        assert text == "The Employee Handbook says, on page four: Unused leave expires on 31 March of the next year."
        cited = [event.citation for event in events if isinstance(event, ReplyCitation)]
        assert [(one.document_id, one.page, one.quote) for one in cited] == [
            ("doc_4", 4, "Unused leave expires on 31 March of the next year.")
        ]
        assert cited[0].start == 10 + HANDBOOK.index("Unused")
        assert (done.grounding, done.finish_reason, kit.llm.requests) == ("extracted", "stop", [])


async def test_what_the_documents_do_not_say_is_refused_without_a_source() -> None:
    async with extracting() as kit:
        text, events, done = await answered(kit, "Who won the football cup in Wales?")
        assert (text, done.grounding) == (NOT_FOUND, "refused")
        assert not any(isinstance(event, ReplyCitation) for event in events)


async def test_a_search_that_fails_is_said_and_no_small_model_invents_instead() -> None:
    async with extracting() as kit:
        kit.documents.problem = Unavailable("vectors_unavailable", "gone")
        text, _, done = await answered(kit, "When does unused leave expire?")
        assert text == "I could not look into your documents just now. Please ask me again."
        assert (done.grounding, done.retrieval_error, kit.llm.requests) == ("refused", "vectors_unavailable", [])
        kit.documents.problem = None
        assert (await answered(kit, "When does unused leave expire?"))[2].grounding == "extracted"


async def test_small_talk_goes_to_the_model_and_nothing_is_searched() -> None:
    async with extracting() as kit:
        text, _, done = await answered(kit, "Thank you very much!")
        assert (text, done.grounding, done.retrieval_ms) == ("You said: Thank you very much!", "", None)
        assert kit.documents.asked == []


async def test_without_documents_the_model_answers() -> None:
    async with extracting() as kit:
        kit.documents.found = ()
        text, _, done = await answered(kit, "Who won the football cup in Wales?")
        assert (text, done.grounding) == ("You said: Who won the football cup in Wales?", "")


async def test_a_caller_with_tools_and_one_whose_language_is_unknown_are_not_refused() -> None:
    async with extracting() as kit:
        question = "Who won the football cup in Wales?"
        for changes in (
            {"tools": (ToolSpec("lookup", "Looks up."),)},
            {"agent": replace(kit.request("x").agent, language="pl")},
        ):
            _, _, done = await answered(kit, question, **changes)
            assert done.grounding == ""


async def test_a_large_model_reads_numbered_passages() -> None:
    async with engine_kit() as kit:
        kit.documents.found = (page(4, HANDBOOK),)
        _, _, done = await answered(kit, "When does unused leave expire?")
        assert done.grounding == "generated"
        assert "[1] (Employee Handbook, page 4)" in kit.llm.requests[0].messages[-1].text


async def test_a_question_prepared_while_it_was_spoken_is_not_searched_again_and_warms_no_model() -> None:
    async with extracting() as kit:
        await kit.service.prepare(kit.request("When does unused leave expire?"))
        _, _, done = await answered(kit, "When does unused leave expire?")
        assert (len(kit.documents.asked), kit.llm.warmed, done.grounding) == (1, [], "extracted")
