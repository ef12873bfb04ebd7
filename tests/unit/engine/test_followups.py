"""Questions that lean on the one before, and those that only come after another."""

from __future__ import annotations

import pytest
from tests.support.engine_parts import engine_kit, passage

from voiceagent.domain.conversation import Message
from voiceagent.domain.reply import ReplyRequest
from voiceagent.engine.grounding.followup import question_of
from voiceagent.engine.grounding.tongues.choice import tongue_of
from voiceagent.engine.reply import EngineParts, EngineService

OPEN = "When do you open?"


def asked(*said: str, language: str = "en") -> str:
    return question_of([Message("user", one) for one in said], tongue_of(language))


@pytest.mark.parametrize(
    "follow_up",
    [
        "and on Sundays?",
        "And on Sundays?",
        "on Sundays?",
        "what about Sundays?",
        "But on public holidays?",
        "Why?",
        "And in winter",
    ],
)
def test_a_question_without_a_topic_takes_it_from_the_one_before(follow_up: str) -> None:
    assert asked(OPEN, follow_up) == f"{OPEN} {follow_up}"


@pytest.mark.parametrize(
    ("first", "follow_up"),
    [
        ("Who wrote the handbook?", "When was it written?"),
        ("Who is the director?", "Where does she live?"),
        ("What are cilia?", "What does their name mean in Greek?"),
        ("When did the first test happen?", "What came after that?"),
    ],
)
def test_a_word_that_points_back_brings_the_question_before_along(first: str, follow_up: str) -> None:
    assert asked(first, follow_up) == f"{first} {follow_up}"


@pytest.mark.parametrize(
    "said",
    [
        "In which year was the museum built?",
        "When did Tesla get his degree?",
        "How many rooms are there in the hotel?",
        "After how many days does unused leave expire?",
        "What is the rule that applies to visitors of the plant?",
        "Opening hours?",
    ],
)
def test_a_question_that_stands_on_its_own_stays_as_it_is(said: str) -> None:
    assert asked("Who wrote the handbook?", said) == said


def test_the_topic_is_the_last_question_that_stands_on_its_own() -> None:
    assert asked("Who are you?", OPEN, "and on Sundays?", "Thank you.", "and on Mondays?") == f"{OPEN} and on Mondays?"
    assert asked("Hello!", "and on Sundays?") == "and on Sundays?"
    assert asked() == ""


@pytest.mark.parametrize(
    ("language", "first", "follow_up"),
    [
        ("de-AT", "Wann haben Sie geöffnet?", "Und am Sonntag?"),
        ("de", "Wer leitet die Abteilung Einkauf?", "Seit wann leitet er sie?"),
        ("fr", "Quand ouvre la bibliothèque municipale ?", "Et le dimanche ?"),
        ("fr-CA", "Qui dirige le service des achats ?", "Depuis quand y travaille-t-elle ?"),
        ("es", "¿Cuándo abre la biblioteca municipal?", "¿Y los domingos?"),
        ("es_MX", "¿Quién dirige el departamento?", "¿Desde cuándo trabaja allí?"),
    ],
)
def test_follow_ups_in_other_languages(language: str, first: str, follow_up: str) -> None:
    assert asked(first, follow_up, language=language) == f"{first} {follow_up}"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "Wie viele Tage Urlaub haben die Angestellten im Jahr?"),
        ("fr", "Combien de jours de congé ont les employés par an ?"),
        ("es", "¿Cuántos días de vacaciones tienen los empleados al año?"),
        ("pl", "A w niedziele?"),
        ("de", "Gibt es einen Parkplatz für Besucher?"),
        ("de", "Haben Sie am Feiertag geöffnet?"),
        ("fr", "Y a-t-il un parking pour les visiteurs ?"),
        ("fr", "Qui travaille en cuisine ?"),
        ("es", "¿Quién dirige el departamento?"),
    ],
)
def test_whole_questions_in_other_languages_stay_as_they_are(language: str, said: str) -> None:
    assert asked("Wann, quand, cuándo abre?", said, language=language) == said


async def test_the_search_gets_what_the_follow_up_leans_on_and_keeps_it_apart() -> None:
    async with engine_kit() as kit:
        kit.documents.found = (passage(1, "We open at eight, on Sundays at ten."),)
        service = EngineService(EngineParts(kit.store, kit.service.parts.router, kit.documents, grounding="extract"))
        first = (Message("user", OPEN), Message("assistant", "At eight."), Message("user", "and on Sundays?"))
        for messages in (first, (Message("user", "and on Sundays?"),)):
            request = ReplyRequest("ten_a", "usr_a", kit.request("x").agent, messages)
            [event async for event in service.reply(request)]
        assert [query.text for _, query in kit.documents.asked] == [f"{OPEN} and on Sundays?", "and on Sundays?"]
