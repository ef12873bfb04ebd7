"""National numbers of people: American social security, and others that carry check digits; where one check digit is all, words must agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from voiceagent.domain.pii import checks
from voiceagent.domain.pii.figures import Run
from voiceagent.domain.pii.spans import Span
from voiceagent.domain.pii.view import View, any_of

_SSN = any_of(
    "ssn | ssn's | social | social security | social security number | ss number | social security no | itin | taxpayer | taxpayer id"
)
_OTHER_NUMBER = any_of(
    "phone | call | order | tracking | invoice | routing | account | telephone | part number | serial"
)


@dataclass(frozen=True, slots=True)
class _Number:
    """A national number of figures. shapes: groupings that are enough without words.  words: what it is called."""

    digits: int
    holds: Callable[[str], bool]
    words: re.Pattern[str]
    shapes: tuple[tuple[int, ...], ...] = ()
    signs: str = ""


_NUMBERS = (
    _Number(10, checks.nhs, any_of("nhs | nhs number | national health")),
    _Number(9, checks.luhn, any_of("sin | social insurance | social insurance number | numéro d'assurance sociale | nas")),
    _Number(11, checks.cpf, any_of("cpf | cadastro"), ((3, 3, 3, 2),), ".-"),
    _Number(9, checks.bsn, any_of("bsn | burgerservicenummer | sofinummer | citizen service number")),
    _Number(11, checks.pesel, any_of("pesel")),
    _Number(12, checks.verhoeff, any_of("aadhaar | aadhar | uidai | uid"), ((4, 4, 4),)),
    _Number(11, checks.iso7064_mod11_10, any_of("steuer | steuer-id | steuernummer | steueridentifikationsnummer |"
        " steuerliche | identifikationsnummer | idnr | tax id | tax number")),
    _Number(15, checks.nir, any_of("sécurité sociale | numéro de sécu | sécu | nir | insee"), ((15,), (1, 2, 2, 2, 3, 3, 2), (13, 2))),
    _Number(11, checks.rijksregister, any_of("rijksregisternummer | rijksregister | registre national | national number"), ((2, 2, 2, 3, 2),), ".-"),
    _Number(13, checks.ean13, any_of("ahv | avs | ahv-nummer | numéro avs"), ((3, 4, 4, 2),), "."),
    _Number(10, checks.luhn, any_of("personnummer | personal number"), ((6, 4),), "-"),
)  # fmt: skip
_DNI = re.compile(r"(?<![\w-])(?:\d{2}\.?\d{3}\.?\d{3}|[XYZxyz][ -]?\d{7})[ -]?[A-Za-z](?!\w)")
_NINO = re.compile(r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)", re.IGNORECASE)
_NINO_WORDS = any_of("national insurance | national insurance number | ni number | nino")
_HETU = re.compile(r"(?<!\w)\d{6}[-+A-FU-Y]\d{3}[0-9A-Y](?!\w)", re.IGNORECASE)
_FISCAL = re.compile(
    r"(?<!\w)[A-Z]{6} ?[0-9L-NP-V]{2} ?[A-EHLMPRST] ?[0-9L-NP-V]{2} ?[A-Z] ?[0-9L-NP-V]{3} ?[A-Z](?!\w)", re.IGNORECASE
)


def recognise(view: View, runs: tuple[Run, ...]) -> Iterator[Span]:
    """National numbers of a text."""
    for run in runs:
        for part in run.split(","):
            yield from _social_security(view, part)
            yield from _numbers(view, part)
    yield from _codes(view)


def _social_security(view: View, run: Run) -> Iterator[Span]:
    digits = run.digits
    if len(digits) != 9 or run.plus or not _may_be_issued(digits):
        return
    start, end = run.groups[0].start, run.end
    shaped = run.shape == (3, 2, 4)
    named = _is_named(view, start, end)
    if shaped and run.signs == "-":
        yield view.span("us_ssn", start, end, 0.92, digits)
    elif named:
        yield view.span("us_ssn", start, end, 0.9, digits)
    elif shaped and not _OTHER_NUMBER.search(view.before(start)):
        yield view.span("us_ssn", start, end, 0.6, digits)


def _is_named(view: View, start: int, end: int) -> bool:
    """The words for the number stand before it, with no other number's after them; or just after it, in the same sentence."""
    before = view.before(start, 80)
    words = list(_SSN.finditer(before))
    if words:
        return not _OTHER_NUMBER.search(before, words[-1].end())
    return bool(_SSN.search(re.split(r"[.!?\n]", view.lower[end : end + 40], maxsplit=1)[0]))


def _may_be_issued(digits: str) -> bool:
    """The Social Security Administration gives out no area 000 or 666, group 00 or serial 0000; areas over 899 are taxpayer numbers."""
    return digits[:3] not in ("000", "666") and digits[3:5] != "00" and digits[5:] != "0000"


def _numbers(view: View, run: Run) -> Iterator[Span]:
    digits = run.digits
    if run.plus or len(set(digits)) == 1:
        return
    for number in _NUMBERS:
        if len(digits) != number.digits or not digits.isascii():
            continue
        shaped = run.shape in number.shapes and run.signs == "".join(sorted(number.signs))
        if not shaped and not view.near(number.words, run.groups[0].start, run.end):
            continue
        if number.holds(digits):
            yield view.span("national_id", run.groups[0].start, run.end, 0.88, digits)


def _codes(view: View) -> Iterator[Span]:
    for found in _DNI.finditer(view.text):
        if checks.dni(_plain(found)):
            yield view.span("national_id", found.start(), found.end(), 0.88, _plain(found))
    for found in _NINO.finditer(view.text):
        if found.group().isupper() or view.near(_NINO_WORDS, found.start(), found.end()):
            yield view.span("national_id", found.start(), found.end(), 0.88, _plain(found))
    for found in _HETU.finditer(view.text):
        if checks.hetu(found.group().upper()):
            yield view.span("national_id", found.start(), found.end(), 0.9, found.group().upper())
    for found in _FISCAL.finditer(view.text):
        if checks.codice_fiscale(_plain(found)):
            yield view.span("national_id", found.start(), found.end(), 0.95, _plain(found))


def _plain(found: re.Match[str]) -> str:
    return "".join(char for char in found.group().upper() if char.isalnum())
