"""The kind of a document: its marks, nearness to examples, labels that were taught, and how the texts of the bench are told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.contracts.test_embed import minilm_folder
from tests.unit.documents.test_split import document_of

from voiceagent.adapters.embed.hashed import HashedEmbedder
from voiceagent.adapters.embed.minilm import MiniLmEmbedder
from voiceagent.documents.classify import Classifier, Kind
from voiceagent.documents.ingest import embedded_text
from voiceagent.documents.kinds.cues import points_of
from voiceagent.documents.kinds.examples import EXAMPLES, OTHER
from voiceagent.documents.split import split

BENCH = Path(__file__).parents[3] / "bench" / "kinds"

HANDBOOK = (
    "Staff Handbook\n\nWorking hours. The office opens at eight. Record your time every day.\n\nLeave. All employees have 25 days of leave. Ask your "
    "supervisor before you book a journey. Employees who are ill call before nine.\n\nEnd of employment. Either party may terminate the employment "
    "with one month's notice in writing. This handbook is not a contract.\n\nContact support if you cannot sign in."
)
LOANS = "A loan is money that a lender gives to a borrower, who pays it back with interest. Loans were known in antiquity, and the seller of a field took one."
MARKED = [
    ("contract", "LEASE\n1. The parties agree as follows.\n2. The tenant shall pay.\n3. Rent shall be due monthly. The lessor shall repair."),
    ("contract", "Mietvertrag\n§ 1 Der Vermieter vermietet die Wohnung.\n§ 2 Es gilt die gesetzliche Kündigungsfrist."),
    ("invoice", "Invoice no. 5\nPaper   12.00\nInk   30.50\nSubtotal   42.50\nVAT 20 %   8.50\nTotal due   51.00"),
    ("invoice", "Facture n° 8\nTotal HT   100,00 €\nTVA 20 %   20,00 €\nNet à payer   120,00 €"),
    ("manual", "Bedienungsanleitung\nSicherheitshinweise\nDrücken Sie die Taste.\nStörungen: Lampe aus."),
    ("letter", "Dear Mr Hall,\nthank you for your letter.\nYours sincerely,\nJ. Reed"),
    ("letter", "Estimada señora:\nPor la presente le informamos de la fecha.\nAtentamente,\nel director"),
    ("report", "Abstract. We compare pumps.\nResults. Table 1 shows them: 5 % and 7 %.\nConclusions. The second is better."),
    ("form", "Name: __________\nDate of birth: __________\n☐ yes ☐ no\nSignature: __________"),
    ("cv", "Curriculum vitae\nWork experience\n2015 - 2020 baker\n2020 - present head baker\nEducation\nDiploma 2014\nSkills: bread"),
    ("email", "From: a@example.org\nTo: b@example.org\nSubject: Re: lunch\n\nHi, see below.\n> where?\n> when?"),
    ("email", "Von: Anna\nAn: Bernd\nBetreff: AW: Treffen\n\nHallo Bernd, passt. Viele Grüße"),
]  # fmt: skip


class Counting(HashedEmbedder):
    """Counts the texts that it embeds."""

    embedded = 0

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> tuple[tuple[float, ...], ...]:
        self.embedded += len(texts)
        await asyncio.sleep(0)
        return await super().embed(texts, query=query)


def labelled(half: str) -> list[tuple[str, str]]:
    """The texts of the bench with their kinds."""
    parts = (BENCH / f"{half}.txt").read_text(encoding="utf-8").split("%% ")[1:]
    return [(part.split()[0], part.partition("\n")[2].strip()) for part in parts]


async def told(text: str, own: dict[str, tuple[str, ...]] | None = None, dimensions: int = 512) -> Kind:
    embedder = HashedEmbedder(dimensions)
    return await Classifier(embedder).kind_of(await embedder.embed((text,)), text, "txt", own or {})


@pytest.mark.parametrize(("kind", "text"), MARKED)
def test_a_kind_has_the_most_points_by_its_marks(kind: str, text: str) -> None:
    points = points_of(text)
    assert points[kind] >= 3
    assert all(points[kind] > found for label, found in points.items() if label != kind), points


def test_a_text_without_marks_has_no_points() -> None:
    assert set(points_of("The river rises in the hills.").values()) == {0}
    assert set(points_of("").values()) == {0}
    assert set(points_of("").keys()) == set(EXAMPLES)


def test_words_count_whole_and_in_their_place() -> None:
    assert points_of("He said: my dearest friend")["letter"] == 0
    assert points_of("It was very dear to us")["letter"] == 0
    assert points_of("Hello.\nDear friends,")["letter"] >= 3


async def test_a_handbook_with_a_clause_on_notice_is_no_contract() -> None:
    assert (await told(HANDBOOK)).label == "manual"


async def test_a_text_about_loans_without_clauses_is_no_contract() -> None:
    assert (await told(LOANS)).label == OTHER


async def test_the_examples_are_embedded_once_for_documents_that_come_together() -> None:
    embedder = Counting(64)
    classifier = Classifier(embedder)
    lead = await embedder.embed(("words",))
    await asyncio.gather(*(classifier.kind_of(lead, "words", "txt", {}) for _ in range(5)))
    first = embedder.embedded
    await classifier.kind_of(lead, "words", "txt", {})
    assert embedder.embedded == first < 200


ORDER = "Purchase order 7. Please deliver to our store. Quantity, unit price, order total 70.00. Buyer: Lund."
TAUGHT = ("Purchase order. Please deliver to our store. Quantity, unit price, order total. Buyer.",)


async def test_a_taught_label_wins_over_marks_of_a_built_in_one() -> None:
    assert (await told(ORDER)).label != "purchase order"
    found = await told(ORDER, {"purchase order": TAUGHT})
    assert found.label == "purchase order"
    assert found.confidence > 0.5


async def test_a_taught_label_takes_no_document_that_is_far_from_its_examples() -> None:
    for kind, text in MARKED:
        with_taught = await told(text, {"purchase order": TAUGHT})
        assert with_taught.label == (await told(text)).label == kind


async def test_examples_of_a_tenant_replace_those_of_the_same_name() -> None:
    odd = "Zebra xylophone quince umbrella"
    assert (await told(odd)).label == OTHER
    assert (await told(odd, {"report": (odd,)})).label == "report"
    everything: dict[str, tuple[str, ...]] = {label: (f"{label} quokka",) for label in (*EXAMPLES, OTHER)}
    assert (await told(odd, everything)).label == OTHER


@pytest.mark.parametrize("half", ["tuning", "held_out"])
async def test_the_texts_of_the_bench_are_told_right_but_for_a_few(half: str) -> None:
    embedder = MiniLmEmbedder(minilm_folder())
    try:
        classifier, wrong = Classifier(embedder), []
        for kind, text in labelled(half):
            pieces = split(document_of(text))[:3]
            lead = await embedder.embed(tuple(embedded_text("document", one.heading, one.text) for one in pieces))
            found = await classifier.kind_of(lead, text, "txt", {})
            if found.label != kind:
                wrong.append((kind, found))
        assert len(wrong) <= 3, wrong
    finally:
        await embedder.close()
