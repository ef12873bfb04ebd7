"""What is found in a text, kind by kind, and where: written and said. Values are invented; those with check digits are made by their rules."""

from __future__ import annotations

import pytest

from voiceagent.domain.pii.find import find
from voiceagent.domain.pii.spans import Kind, Span, settled

WRITTEN = [
    ("My card is 4111 1111 1111 1111, thanks.", "card", "4111 1111 1111 1111", "4111111111111111"),
    ("4111 1111 1111 1111Anna", "card", "4111 1111 1111 1111", "4111111111111111"),
    ("amex 3782-822463-10005 please", "card", "3782-822463-10005", "378282246310005"),
    ("Send it to DE89 3704 0044 0532 0130 00.", "iban", "DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
    ("in 2004. The IBAN is gb29nwbk60161331926819.", "iban", "gb29nwbk60161331926819", "GB29NWBK60161331926819"),
    ("call (415) 555-2671 today", "phone", "(415) 555-2671", "4155552671"),
    ("Ruf +49 (0)30 901820 an", "phone", "+49 (0)30 901820", "+49030901820"),
    ("mon portable est 06 12 34 56 78", "phone", "06 12 34 56 78", "0612345678"),
    ("It's 5-5-5-0-1-2-3-4-5-6.", "phone", "5-5-5-0-1-2-3-4-5-6", "5550123456"),
    ("desk 415-555-2671 x204", "phone", "415-555-2671 x204", "4155552671x204"),
    ("my e-mail address is Martin.Baker.", "email", "Martin.Baker", "martin.baker"),
    ("write to Anna.Muster+spam@Example.co.uk.", "email", "Anna.Muster+spam@Example.co.uk", "anna.muster+spam@example.co.uk"),
    ("SSN 123-45-6789", "us_ssn", "123-45-6789", "123456789"),
    ("DNI 12345678Z", "national_id", "12345678Z", "12345678Z"),
    ("codice fiscale RSSMRA85T10A562S", "national_id", "RSSMRA85T10A562S", "RSSMRA85T10A562S"),
    ("NHS number 943 476 5919", "national_id", "943 476 5919", "9434765919"),
    ("from 192.0.2.17 tonight", "ip", "192.0.2.17", "192.0.2.17"),
    ("at 2001:db8::8a2e:370:7334 now", "ip", "2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
    ("device 00:1B:44:11:3A:B7", "mac", "00:1B:44:11:3A:B7", "001b44113ab7"),
    ("see https://bob:hunter2@host.example/x", "url_credentials", "https://bob:hunter2@host.example", "https://bob:hunter2@host.example"),
    ("born on May 5, 1982 in town", "birth_date", "May 5, 1982", "may 5, 1982"),
    ("geboren am 3. Mai 1980", "birth_date", "3. Mai 1980", "3. mai 1980"),
    ("my passport number is C01X00T47", "passport", "C01X00T47", "C01X00T47"),
    ("driver's license D1234567", "driver_licence", "D1234567", "D1234567"),
    ("routing number 021000021", "routing_number", "021000021", "021000021"),
    ("account number 12345678", "bank_account", "12345678", "12345678"),
    ("to 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "wallet", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    ("I live at 12 Baker Street, London NW1 6XE.", "address", "12 Baker Street, London NW1 6XE", "12 baker street, london nw1 6xe"),
    ("wohnt Hauptstraße 12, 10115 Berlin", "address", "Hauptstraße 12, 10115 Berlin", "hauptstraße 12, 10115 berlin"),
    ("Then Anna Kowalska called.", "person", "Anna Kowalska", "anna kowalska"),
    ("my name is dmitri", "person", "dmitri", "dmitri"),
]  # fmt: skip
SAID = [
    ("card four one one one, one one one one, one one one one, one one one one ok", "card", "4111111111111111"),
    ("it's double four one triple one one oh", "phone", "441111 10".replace(" ", "")),
    ("oh seven nine double one two three four five six", "phone", "0791123456"),
    ("plus four four seven seven hundred nine hundred one two three", "phone", "+447700900123"),
    ("social security one two three dash four five dash six seven eight nine", "us_ssn", "123456789"),
    ("the i p is one nine two dot zero dot two dot seventeen", "ip", "192.0.2.17"),
    ("john dot smith at example dot com", "email", "john.smith@example.com"),
    ("j underscore smith eighty two at mail dot example dot co dot uk", "email", "j_smith82@mail.example.co.uk"),
    ("john dot smith@example.com", "email", "john.smith@example.com"),
    ("anna minus meier ät beispiel punkt de", "email", "anna-meier@beispiel.de"),
    ("luc tiret bas petit arobase exemple point fr", "email", "luc_petit@exemple.fr"),
    ("ana guion bajo ruiz arroba correo punto es", "email", "ana_ruiz@correo.es"),
    ("gia punto neri chiocciola posta punto it", "email", "gia.neri@posta.it"),
    ("null eins sieben sechs einundzwanzig zweiunddreißig", "phone", "01762132"),
    ("zéro six douze trente-quatre quatre-vingt-dix-sept soixante-dix-huit", "phone", "0612349778"),
    ("seis uno dos treinta y cinco cuarenta y dos ochenta", "phone", "612354280"),
    ("tre tre otto venticinque trentasette novantuno zero", "phone", "3382537910"),
    ("D E eight nine three seven zero four double zero four four zero five three two zero one three triple zero", "iban", "DE89370400440532013000"),
    ("born on the fifth of May nineteen eighty two", "birth_date", "the fifth of may 1982"),
]  # fmt: skip
NOTHING = [
    "The e-mail is fine. E-mail: see below. My e-mail address is known.",
    "There were 374 780 163 people in 1990-2000.",
    "We sold 12,345,678 units for $4,000,000.00.",
    "Version 1.2.3.4 came out on 2024-05-17 14:11:22.",
    "Order number 90210456 is on its way.",
    "I have two dogs and one hundred and twenty five books.",
    "Find us at example dot com or look at a point in space.",
    "It is 1 cent per point, 20 per square.",
    "He reigned 1185-1226.",
    "Your cheque 4111 1111 1111 1112 bounced.",
    "What is the weather in Berlin on Monday?",
    "Count with me: 1-2-3-4-5-6-7-8.",
    "We watched Doctor Who.",
]


def only(text: str, kind: Kind) -> Span:
    (span,) = [span for span in find(text) if span.kind == kind]
    return span


@pytest.mark.parametrize(("text", "kind", "place", "value"), WRITTEN)
def test_written(text: str, kind: Kind, place: str, value: str) -> None:
    span = only(text, kind)
    assert text[span.start : span.end] == place
    assert span.value == value


@pytest.mark.parametrize(("text", "kind", "value"), SAID)
def test_said(text: str, kind: Kind, value: str) -> None:
    assert only(text, kind).value == value


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_personal(text: str) -> None:
    assert find(text) == ()


def test_what_was_said_is_found_where_it_was_said() -> None:
    text = "well, it is four one one one, one one one one, one one one one, one one one one, right"
    span = only(text, "card")
    assert text[span.start : span.end] == "four one one one, one one one one, one one one one, one one one one"


def test_a_part_of_what_was_said_in_one_breath_is_found_by_itself() -> None:
    text = "card four one one one one one one one one one one one one one one one, one two three"
    span = only(text, "card")
    assert text[span.end :] == ", one two three"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("routing number 021000022", "routing_number"),
        ("DE88 3704 0044 0532 0130 00", "iban"),
        ("12345678A", "national_id"),
        ("RSSMRA85T10A562T", "national_id"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", "wallet"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "wallet"),
        ("SSN 000-12-3456", "us_ssn"),
    ],
)
def test_a_wrong_check_digit_is_nothing(text: str, kind: Kind) -> None:
    assert not [span for span in find(text) if span.kind == kind]


def test_only_the_kinds_asked_for() -> None:
    text = "Anna Kowalska, anna@example.com"
    assert {span.kind for span in find(text)} == {"person", "email"}
    assert {span.kind for span in find(text, kinds=("email",))} == {"email"}


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Bodnár left.",
        "Dear Ms O'Brien,",
        "Maria van der Berg knows.",
        "this is Jean-Luc Moreau speaking",
        "Frau Schäfer ist da.",
    ],
)
def test_names_by_the_words_around_them(text: str) -> None:
    (span,) = find(text)
    assert span.kind == "person"


@pytest.mark.parametrize(
    "text",
    ["Will you mark it?", "The Redwood Orchestra played.", "I live in Gondregnies.", "Acme Holdings Ltd called."],
)
def test_capitals_that_are_no_names(text: str) -> None:
    assert find(text) == ()


def test_of_two_that_overlap_the_better_stays() -> None:
    weak, strong, apart = Span("phone", 0, 10, "1", 0.5), Span("card", 4, 20, "2", 0.9), Span("ip", 20, 25, "3", 0.5)
    assert settled([weak, apart, strong]) == (strong, apart)
