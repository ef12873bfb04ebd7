"""Dates of birth: a date after the words for being born, in figures or with the month's name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voiceagent.domain.pii.spans import Span
from voiceagent.domain.pii.view import View, any_of

_MONTHS = (
    "january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec "
    "januar jänner februar märz mai juni juli oktober dezember janvier février fevrier mars avril juin juillet août aout septembre octobre "
    "novembre décembre decembre enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre "
    "gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre"
)
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth "
    "nineteenth twentieth thirtieth twenty-first twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth "
    "twenty-ninth thirty-first ersten zweiten dritten vierten fünften sechsten siebten achten neunten zehnten elften zwölften dreizehnten vierzehnten "
    "fünfzehnten sechzehnten siebzehnten achtzehnten neunzehnten zwanzigsten dreißigsten premier primero primo uno un one two three four five six seven "
    "eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty deux trois quatre cinq six sept huit neuf "
    "dix onze douze treize quatorze quinze seize vingt trente dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve treinta "
    "due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove venti ventuno "
    "ventidue ventitré ventiquattro venticinque ventisei ventisette ventotto ventinove trenta"
)
_DAY_WORDS = "|".join(sorted(set(_ORDINALS.split()), key=len, reverse=True))
_DAY = rf"(?:\d{{1,2}}(?:st|nd|rd|th|er|\.|º)?|(?:(?:twenty|thirty)[ -])?(?:{_DAY_WORDS})|\w{{1,8}}und\w{{4,12}})"
_MONTH = rf"(?:{'|'.join(sorted(set(_MONTHS.split()), key=len, reverse=True))})"
_DATE = re.compile(
    r"(?<!\w)(?=\w)(?:\d{1,2}[ ]?[./\-][ ]?\d{1,2}[ ]?[./\-][ ]?(?:\d{4}|\d{2})|\d{4}[./\-]\d{1,2}[./\-]\d{1,2}"
    rf"|(?:the )?{_DAY}(?: of)?(?: de| di)? {_MONTH}\.?,?(?: del?| of)? (?:\d{{4}}|['’]?\d{{2}})"
    rf"|{_MONTH}\.? (?:the )?{_DAY},? (?:\d{{4}}|['’]\d{{2}}))(?!\w)"
)
_BORN = any_of(
    """born | born on | date of birth | birth date | birthdate | birthday | dob | d.o.b | d.o.b. | geboren | geboren am |
    geburtsdatum | geburtstag | née | né | né le | née le |
    naissance | date de naissance | nacido | nacida | nací | nacio | nació | nacimiento | fecha de nacimiento | nato | nata | nato il | nata il | nascita |
    data di nascita | nascido | nascida | nasci | nascimento | geboortedatum"""
)
_REACH_CHARS = 40


def recognise(view: View) -> Iterator[Span]:
    """Dates of birth of a text."""
    reach = 0
    for word in _BORN.finditer(view.lower):
        if word.end() < reach:
            continue
        found = _DATE.search(view.lower, word.end(), word.end() + _REACH_CHARS + 40)
        if found and found.start() - word.end() <= _REACH_CHARS:
            reach = found.end()
            yield view.span("birth_date", found.start(), found.end(), 0.9, " ".join(found.group().split()))
