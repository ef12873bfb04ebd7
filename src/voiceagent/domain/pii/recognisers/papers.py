"""Passports and driving licences: a code of letters and figures after their names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voiceagent.domain.pii.spans import Kind, Span
from voiceagent.domain.pii.view import View, any_of

_NAMES: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("passport", any_of("passport | passport number | passport no | reisepass | reisepassnummer | pass | passnummer |"
        " personalausweis | ausweisnummer | passeport | pasaporte | passaporto | passaporte | paspoort")),
    ("driver_licence", any_of("driver's license | drivers license | driver license | driver's licence | drivers "
        "licence | driver licence | driving licence | driving license | license number | licence "
        "number | dl number | führerschein | führerscheinnummer | permis de conduire | carnet de "
            "conducir | permiso de conducir | licencia de conducir | patente | patente di guida | rijbewijs")),
)  # fmt: skip
_CODE = re.compile(
    r"(?<![\w-])(?=[a-z\d -]{0,6}\d)(?:[a-z]{1,5}[ -]?)?\d[a-z\d]{0,15}(?:[ -][a-z]{0,3}\d[a-z\d]{0,7}){0,3}(?![\w])"
)
_REACH_CHARS = 32


def recognise(view: View) -> Iterator[Span]:
    """Numbers of papers in a text."""
    for kind, names in _NAMES:
        reach = 0
        for name in names.finditer(view.lower):
            if name.end() < reach:
                continue
            for code in _CODE.finditer(view.lower, name.end(), name.end() + _REACH_CHARS + 24):
                if code.start() - name.end() > _REACH_CHARS:
                    break
                value = "".join(char for char in code.group().upper() if char.isalnum())
                if 6 <= len(value) <= 18 and sum(char.isdecimal() for char in value) >= 4:
                    reach = code.end()
                    yield view.span(kind, code.start(), code.end(), 0.86, value)
                    break
