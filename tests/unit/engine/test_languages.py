"""Answers from German, French and Spanish documents: small talk, the sentence that answers, how it is said, refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.engine_parts import engine_kit, passage

from voiceagent.domain.document import Passage
from voiceagent.domain.reply import ReplyCitation, ReplyDone, ReplyText
from voiceagent.engine.grounding.questions import is_small_talk, wants_information
from voiceagent.engine.grounding.sentences import sentences
from voiceagent.engine.grounding.tongues.choice import tongue_of
from voiceagent.engine.grounding.wording import introduced, spelled
from voiceagent.engine.grounding.words import content
from voiceagent.engine.reply import EngineParts, EngineService

DE = (
    "Das Büro öffnet um acht Uhr. Besucher tragen sich am Empfang in das Buch ein. Alle Angestellten haben dreißig Tage Urlaub im Jahr. "
    "Nicht genommener Urlaub verfällt am 31. März des folgenden Jahres. Straßenschuhe sind z. B. im Labor verboten."
)
FR = (
    "Le bureau ouvre à huit heures. Les visiteurs signent le registre à l'accueil. Chaque employé a droit à trente jours de congé par an. "
    "Les congés non pris expirent le 31 mars de l'année suivante. M. Dupont dirige l'école."
)
ES = (
    "La oficina abre a las ocho. Los visitantes firman el libro en la recepción. Cada empleado tiene treinta días de vacaciones al año. "
    "Las vacaciones no disfrutadas caducan el 31 de marzo del año siguiente. ¿Y las horas extra? Se pagan en enero."
)


def found(text: str, title: str) -> tuple[Passage, ...]:
    return (replace(passage(4, text), title=title, score=1.0),)


@pytest.mark.parametrize(
    ("language", "title", "text", "question", "answer", "sentence"),
    [
        ("de", "Handbuch.pdf", DE, "Wann verfällt nicht genommener Urlaub?", "In „Handbuch“ steht auf Seite vier: ",
         "Nicht genommener Urlaub verfällt am 31. März des folgenden Jahres."),
        ("fr", "Manuel.pdf", FR, "Quand expirent les congés non pris ?", "D'après « Manuel », page quatre : ",
         "Les congés non pris expirent le 31 mars de l'année suivante."),
        ("es", "Manual.pdf", ES, "¿Cuándo caducan las vacaciones no disfrutadas?", "Según «Manual», en la página cuatro: ",
         "Las vacaciones no disfrutadas caducan el 31 de marzo del año siguiente."),
        ("pl", "Regulamin.pdf", DE, "Nicht genommener Urlaub verfällt am 31. März des folgenden Jahres?", "“Regulamin”, 4: ",
         "Nicht genommener Urlaub verfällt am 31. März des folgenden Jahres."),
    ],
)  # fmt: skip
async def test_the_sentence_is_told_in_the_agents_language(
    language: str, title: str, text: str, question: str, answer: str, sentence: str
) -> None:
    async with engine_kit() as kit:
        kit.documents.found = found(text, title)
        service = EngineService(EngineParts(kit.store, kit.service.parts.router, kit.documents, grounding="extract"))
        request = replace(kit.request(question), agent=replace(kit.request("x").agent, language=language))
        events = [event async for event in service.reply(request)]
        assert "".join(one.text for one in events if isinstance(one, ReplyText)) == answer + sentence
        [cited] = [one.citation for one in events if isinstance(one, ReplyCitation)]
        assert cited.quote == sentence
        assert text[cited.start - 10 : cited.end - 10] == sentence


@pytest.mark.parametrize(
    ("language", "question", "refusal"),
    [
        ("de", "Wer hat den Pokal in Wales gewonnen?", "Das finde ich in Ihren Dokumenten nicht."),
        ("fr", "Qui a gagné la coupe de football ?", "Je ne trouve pas cela dans vos documents."),
        ("es", "¿Quién ganó la copa de fútbol?", "No encuentro eso en sus documentos."),
    ],
)
async def test_what_is_not_there_is_refused_in_the_agents_language(language: str, question: str, refusal: str) -> None:
    async with engine_kit() as kit:
        kit.documents.found = found({"de": DE, "fr": FR, "es": ES}[language], "x")
        service = EngineService(EngineParts(kit.store, kit.service.parts.router, kit.documents, grounding="extract"))
        request = replace(kit.request(question), agent=replace(kit.request("x").agent, language=language))
        events = [event async for event in service.reply(request)]
        assert "".join(one.text for one in events if isinstance(one, ReplyText)) == refusal
        assert isinstance(events[-1], ReplyDone)
        assert events[-1].grounding == "refused"


@pytest.mark.parametrize(
    ("language", "said"),
    [("de", "Guten Tag!"), ("de", "Vielen Dank, das ist gut."), ("de", "Wer bist du?"), ("de", "Wie geht es dir?"),
     ("fr", "Bonjour !"), ("fr", "Merci beaucoup."), ("fr", "Qui êtes-vous ?"), ("fr", "D'accord, c'est bon."),
     ("es", "¡Hola, buenos días!"), ("es", "Muchas gracias."), ("es", "¿Quién eres?"), ("es", "¿Cómo estás?")],
)  # fmt: skip
def test_small_talk(language: str, said: str) -> None:
    tongue = tongue_of(language)
    assert is_small_talk(said, tongue)
    assert not wants_information(said, tongue)


@pytest.mark.parametrize(
    ("language", "said"),
    [("de", "Wie lange ist die Kündigungsfrist"), ("de", "Sagen Sie mir die Öffnungszeiten"), ("de", "Gibt es einen Parkplatz"),
     ("fr", "Quelle est la durée du préavis"), ("fr", "Y a-t-il un parking"), ("fr", "Expliquez-moi les horaires"),
     ("es", "Cuánto dura el plazo de preaviso"), ("es", "Hay un aparcamiento"), ("es", "Quisiera saber el horario")],
)  # fmt: skip
def test_a_question_about_things_wants_information(language: str, said: str) -> None:
    assert wants_information(said, tongue_of(language))


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def test_sentences_end_where_they_end() -> None:
    assert [one.split()[0] for one in cut(DE)] == ["Das", "Besucher", "Alle", "Nicht", "Straßenschuhe"]
    assert [one.split()[0] for one in cut(FR)] == ["Le", "Les", "Chaque", "Les", "M."]
    assert cut(ES)[-2:] == ["¿Y las horas extra?", "Se pagan en enero."]
    assert len(cut("Das gilt im 2. Stock, bzw. ab Nr. 5. Danach nicht. „Gut so.“ Er ging.")) == 4
    assert cut("Il dit : « Oui. » Elle part.") == ["Il dit : « Oui. »", "Elle part."]


def test_words_are_compared_without_endings_accents_and_elisions() -> None:
    german, french, spanish = tongue_of("de"), tongue_of("fr"), tongue_of("es")
    assert content("Die Straßen der Städte", german) == content("Strasse Stadte", german)
    assert content("l'école d'été", french) == content("écoles étés", french)
    assert content("¿Cuáles son los días?", spanish) == content("día", spanish)
    assert content("die Frist", german) == content("Frist", german)


def test_page_numbers_are_words() -> None:
    assert [spelled(n, tongue_of("de")) for n in (1, 17, 21, 30, 99, 100)] == [
        "eins", "siebzehn", "einundzwanzig", "dreißig", "neunundneunzig", "100",
    ]  # fmt: skip
    assert [spelled(n, tongue_of("fr")) for n in (1, 21, 70, 71, 79, 80, 81, 91, 99)] == [
        "un", "vingt et un", "soixante-dix", "soixante et onze", "soixante-dix-neuf", "quatre-vingts", "quatre-vingt-un",
        "quatre-vingt-onze", "quatre-vingt-dix-neuf",
    ]  # fmt: skip
    assert [spelled(n, tongue_of("es")) for n in (1, 16, 22, 30, 31, 99)] == [
        "uno", "dieciséis", "veintidós", "treinta", "treinta y uno", "noventa y nueve",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "said"),
    [("de", "In dem Dokument steht: "), ("fr", "D'après le document : "), ("es", "Según el documento: ")],
)
def test_a_document_without_title_and_page(language: str, said: str) -> None:
    assert introduced(found("x", "")[0], 0, spoken=True, tongue=tongue_of(language)) == said
