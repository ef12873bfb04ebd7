"""Cleaning, languages, metadata, kinds and near-duplicates."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.documents.test_split import document_of

from voiceagent.adapters.embed.hashed import HashedEmbedder
from voiceagent.documents.classify import Classifier
from voiceagent.documents.language import language_of
from voiceagent.documents.metadata import date_of, dated, describe, entities_of, title_of
from voiceagent.documents.parse.clean import clean
from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.parts import packed, unpacked
from voiceagent.documents.search import without_duplicates
from voiceagent.documents.split import split
from voiceagent.domain.document import Chunk, Passage
from voiceagent.kit.errors import InvalidInput


@pytest.mark.parametrize(
    ("raw", "cleaned", "hidden"),
    [
        ("cut in-\nto two", "cut into two", {}),
        ("Anglo-\nSaxon", "Anglo-Saxon", {}),
        ("e\u0301 of\ufb01ce", "\u00e9 office", {}),
        ("a\u200bb\u2060c\ufeff", "abc", {"zero_width": 3}),
        ("a\U000e0041\U000e0042b", "ab", {"tags": 2}),
        ("\u202eabc\u202c", "abc", {"bidi": 2}),
        ("a\u200db", "ab", {"zero_width": 1}),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", {}),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680", {}),
        ("so\u00adft\u00a0 space  \r\n\r\n\r\n\r\nend", "soft space\n\nend", {}),
        ("a\x00b\x1bc", "abc", {"control": 2}),
    ],
)
def test_text_is_cleaned_and_what_was_hidden_is_counted(raw: str, cleaned: str, hidden: dict[str, int]) -> None:
    counts: Counter[str] = Counter()
    assert clean(raw, counts) == cleaned
    assert dict(counts) == hidden


@given(st.text(max_size=200))
def test_cleaning_twice_changes_nothing_more(raw: str) -> None:
    once = clean(raw, Counter())
    assert clean(once, Counter()) == once or "-\n" in once


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The cat sat on the mat and it was happy with that, as all cats are when they have been fed.", "en"),
        ("Die Katze sitzt auf der Matte und ist mit dem Leben zufrieden, wie es alle Katzen sind.", "de"),
        ("Le chat est sur le tapis et il est content de la vie, comme tous les chats dans ce pays.", "fr"),
        ("El gato est\u00e1 en la alfombra y es feliz con lo que tiene, como todos los gatos de este pa\u00eds.", "es"),
        ("Il gatto \u00e8 sul tappeto e non ha paura di nulla, come tutti i gatti che sono in questa casa.", "it"),
        (
            "\u041a\u043e\u0448\u043a\u0430 \u0441\u0438\u0434\u0438\u0442 \u043d\u0430 \u043a\u043e\u0432\u0440\u0435",
            "ru",
        ),
        ("\u732b\u306f\u30de\u30c3\u30c8\u306e\u4e0a\u306b\u3044\u308b", "ja"),
        ("\u732b\u5750\u5728\u57ab\u5b50\u4e0a", "zh"),
        ("\u0627\u0644\u0642\u0637 \u0639\u0644\u0649 \u0627\u0644\u0633\u062c\u0627\u062f\u0629", "ar"),
        ("12345 67 89", ""),
        ("Xq zzv kkp wwq rrt mmn", ""),
        ("", ""),
    ],
)
def test_the_language_is_told_or_left_open(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("D:20240501123000+02'00'", datetime(2024, 5, 1, 12, 30, tzinfo=UTC)),
        ("D:2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        ("Wed, 01 May 2024 12:00:00 +0200", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("signed on May 1, 2024 in Bern", datetime(2024, 5, 1, tzinfo=UTC)),
        ("on 31 February 2024", None),
        ("D:99999999", None),
        ("soon", None),
        ("", None),
    ],
)
def test_dates_in_any_usual_form(text: str, moment: datetime | None) -> None:
    assert date_of(text) == moment


def test_a_document_is_described() -> None:
    text = (
        "The warranty covers the pump for two years. Anna Meyer signed on 3 March 2024. Write to help@example.org about the pump.\n"
        "The pump costs $1,200.00 and the pump must be cleaned with water. Cleaning the pump voids no warranty at all."
    )
    document = document_of(text)
    described = describe(document, split(document), "pump_warranty-2024.pdf")
    assert (described["title"], described["language"], described["pages"]) == ("pump warranty 2024", "en", 1)
    assert "pump" in described["keywords"]  # type: ignore[operator]
    assert described["entities"] == {
        "emails": ["help@example.org"],
        "amounts": ["$1,200.00"],
        "dates": ["3 March 2024"],
        "names": ["Anna Meyer"],
    }
    assert "warranty covers the pump" in str(described["summary"])
    assert dated(described, text) == datetime(2024, 3, 3, tzinfo=UTC)


def test_entities_are_told_apart() -> None:
    text = (
        "On March 3, 2024 Anna Miller of Acme Tools Inc met Bob J. Jones at the University of North Carolina. Call +49 30 1234 5678 or "
        "555-123-4567, write a.b@mail.example.org. He paid $1,200.50 on 2024-05-06 to Northern Sea Bank; see https://example.org/a?b=1."
    )
    assert entities_of(text) == {
        "emails": ["a.b@mail.example.org"],
        "amounts": ["$1,200.50"],
        "dates": ["March 3, 2024", "2024-05-06"],
        "phones": ["+49 30 1234 5678", "555-123-4567"],
        "urls": ["https://example.org/a?b=1."],
        "organisations": ["Acme Tools Inc", "University of North Carolina", "Northern Sea Bank"],
        "names": ["Anna Miller", "Bob J. Jones"],
    }


@pytest.mark.parametrize(
    ("told", "title"),
    [
        ("Annual Report", "Annual Report"),
        ("Microsoft Word - x.doc", "my file"),
        ("untitled", "my file"),
        ("report.docx", "my file"),
        ("", "my file"),
    ],
)
def test_a_title_that_a_program_made_up_is_not_taken(told: str, title: str) -> None:
    document = document_of("words")
    assert title_of(ParsedDocument("words", document.pages, (), {"title": told}), "my_file.pdf") == title


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "Invoice number 17. Invoice date today. Bill to: A. Quantity, unit price, subtotal, tax, total amount due in 14 days.",
            "invoice",
        ),
        (
            "This agreement is between the parties. Governing law. The parties agree that either party may terminate this contract.",
            "contract",
        ),
        ("Dear Sir or Madam, I am writing to you about my application. Yours sincerely, Anna", "letter"),
        ("Zebra xylophone quince umbrella", "other"),
    ],
)
async def test_kinds_are_told_by_examples_and_their_words(text: str, kind: str) -> None:
    embedder = HashedEmbedder(512)
    found = await Classifier(embedder).kind_of(await embedder.embed((text,)), text, "txt", {})
    assert found.label == kind
    assert 0.0 < found.confidence <= 1.0


async def test_a_mail_is_a_mail() -> None:
    assert (await Classifier(HashedEmbedder(64)).kind_of((), "Dear Sir", "eml", {})).label == "email"


def test_near_duplicates_go_and_the_best_stays() -> None:
    words = "each employee has thirty days of leave in every year of the contract"
    texts = [words, words + " now", "something else entirely about steam turbines", ""]
    passages = [
        Passage(Chunk(str(at), "d", "c", at, 1, 0, 1, text), "t", 1.0 - at / 10) for at, text in enumerate(texts)
    ]
    assert [passage.chunk.chunk_id for passage in without_duplicates(passages)] == ["0", "2", "3"]


def test_a_stored_text_comes_back_as_it_was() -> None:
    document = document_of("one page", "another \u00e9 page")
    assert unpacked(packed(document)) == document
    with pytest.raises(InvalidInput):
        unpacked(b'{"pages": 3}')
