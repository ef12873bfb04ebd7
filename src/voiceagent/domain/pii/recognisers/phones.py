"""Telephone numbers: international, national with a trunk zero, North American, and local ones where the words or the shape say so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voiceagent.domain.pii.figures import Run
from voiceagent.domain.pii.spans import Span
from voiceagent.domain.pii.view import View, any_of

_PHONE = any_of(
    """phone | phones | telephone | tel | mobile | mob | cell | cellphone | cellular | call | calls | called | calling | dial |
    dialing | fax | text | sms | message | messages | whatsapp |
    ring | reach | reached | contact | contacts | answering | answer | answers | voicemail | hotline | landline | phone number |
    my number | number is | numbers | number |
    telefon | telefonnummer | handy | handynummer | mobil | mobilnummer | rufnummer | anrufen | ruf | rufen | erreichbar | erreichen | nummer | durchwahl |
    téléphone | telephone | tél | portable | numéro | numero | appeler | appelez | appelle | rappeler | rappelez | joindre | fixe |
    teléfono | telefono | móvil | movil | celular | número | llamar | llame | llama | llámame | llámeme | marcar | marque |
    cellulare | chiamare | chiamami | chiami | chiama | telefonino | recapito | telefone | telemóvel | ligar | ligue | telefoon | mobiel | bellen | bel"""
)
_OTHER = any_of(
    """order | invoice | tracking | reference | ref | ticket | account | case | isbn | serial | policy | flight | claim |
    version | build | card | credit | iban | routing |
    ssn | social security | passport | license | licence | id | pin | code | zip | postcode | bestellnummer | rechnung |
    kundennummer | konto | artikel | commande | facture |
    compte | pedido | factura | cuenta | ordine | fattura | conto | article | patent | population | order number | case number |
    driver's license | drivers license | driver licence | dl | student | employee | staff | member | membership | customer | client | subscriber |
    registration | vehicle | vin | plate | imei | sim | serial number | model | part | product | item | sku | batch | lot | barcode |
    loan | mortgage | sort code | swift | bic | bank | tax | taxpayer | vat | ein | itin | insurance | medicare | medicaid | patient | medical |
    record | national | identity | residence | permit | visa | voucher | coupon | booking | reservation | confirmation | transaction | receipt |
    contract | meter | box | po box | room | unit | suite | docket | chassis | box number | doi | issn | zip code | postal code"""
)
_UNIT_AFTER = re.compile(
    r"\s?(?:%|€|\$|£|usd|eur|dollars?|euros?|pounds?|people|million|kg|km|bytes|meters|metres|years|percent|prozent|pour cent)(?!\w)"
)
_EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension|durchwahl|poste|int\.?)\s?\d{1,6}(?!\w)")
_MONEY = "$€£¥"
_GLUED = _MONEY + "#=/@_"
_POSTCODES = ((5, 3), (5, 4))
"""Of Brazil, and of the United States with its four further figures."""
_YEAR = re.compile(r"(?:19|20)\d\d")


def recognise(view: View, runs: tuple[Run, ...]) -> Iterator[Span]:
    """Telephone numbers of a text."""
    for run in runs:
        for part in run.split(","):
            score = _score(view, part)
            if score:
                extension = _EXTENSION.match(view.lower, part.end)
                end = extension.end() if extension else part.end
                plus = "+" if part.plus else ""
                yield view.span("phone", part.start, end, score, plus + part.digits + _figures(extension))


def _figures(extension: re.Match[str] | None) -> str:
    return "x" + "".join(c for c in extension.group() if c.isdecimal()) if extension else ""


def _score(view: View, run: Run) -> float:
    digits = run.digits
    if not 7 <= len(digits) <= 17 or _is_something_else(view, run) or _opens_late(run):
        return 0.0
    if (run.plus and digits[0] != "0") or (digits.startswith("00") and len(digits) >= 10):
        return 0.9 if len(digits) >= 8 else 0.0
    if digits.startswith("011") and len(digits) >= 11:
        return 0.85
    context = _context(view, run)
    if context < 0 or len(digits) > 15:
        return 0.0
    if run.shape in ((3, 3, 4), (1, 3, 3, 4)) and digits[-10] in "23456789":
        return 0.85
    if context or view.said(run.start, run.end):
        return 0.8 if context else 0.55
    return _by_shape(view, run)


def _by_shape(view: View, run: Run) -> float:
    """Without a word about a telephone."""
    digits, shape = run.digits, run.shape
    if len(shape) == 1 or run.signs not in ("", "-", ".", "()", "(", ")", "()-", "/", "-/"):
        return 0.55 if _stands_alone(view, run) and 10 <= len(digits) <= 11 else 0.0
    if digits[0] == "0" and 9 <= len(digits) <= 12:
        return 0.7
    if max(shape) == 1 and digits not in "01234567890123456789":
        return 0.55  # a recogniser writes figures that were said one by one as 5-5-5-0-1-9-9
    if len(digits) > 11 or min(shape) < 2 or max(shape) > 7 or shape in _POSTCODES:
        return 0.0
    if _are_years(run):
        return 0.0
    is_bare = "-" not in run.signs and "(" not in run.signs and not _stands_alone(view, run)
    if is_bare and (run.signs or len(digits) < 9):
        return 0.0  # few figures apart by blanks alone, or by points or strokes, are as often measures, ratios and ids
    thousands = len(shape) > 1 and set(shape[1:]) == {3} and shape[0] <= 3 and run.signs in ("", ".")
    if thousands and not _stands_alone(view, run):
        return 0.0  # a large number with its thousands apart
    return 0.55


def _opens_late(run: Run) -> bool:
    """A parenthesis after more than a country code, as in `218-234 (1945`, begins something else; `+44 (0)20` does not."""
    return any("(" in separator and (place > 0 or run.shape[0] > 3) for place, separator in enumerate(run.separators))


def _are_years(run: Run) -> bool:
    """From one year to another."""
    first, last = run.groups[0].text, run.groups[-1].text
    plain = len(run.groups) == 2 and {len(first), len(last)} <= {3, 4} and "0" not in (first[0], last[0])
    return plain and int(first) <= int(last) <= 2100


def _context(view: View, run: Run) -> int:
    """1: the words before speak of a telephone; -1: of something else that has a number; 0: of neither."""
    before = view.before(run.start)
    phone = [found.start() for found in _PHONE.finditer(before)]
    other = [found.start() for found in _OTHER.finditer(before, _sentence(before))]
    if phone and (not other or (phone[-1] > other[-1] and not _same_phrase(before, other[-1], phone[-1]))):
        return 1
    if other:
        return -1
    return 1 if _PHONE.search(view.lower, run.end, run.end + 24) else 0


def _sentence(before: str) -> int:
    """Where the last sentence begins."""
    return max(before.rfind(end) for end in (". ", "! ", "? ", "\n")) + 1


def _same_phrase(before: str, other: int, phone: int) -> bool:
    """`order number`, `case no. ... number is`: the word for a number goes with the other word."""
    return phone - other < 24 and before[phone:].startswith(("number", "nummer", "numéro", "número", "numero"))


def _stands_alone(view: View, run: Run) -> bool:
    """Nothing else is on its line."""
    text = view.text
    left = text.rfind("\n", max(0, run.start - 8), run.start) + 1 if run.start else 0
    before = text[left : run.start] if left or run.start <= 8 else "x"
    return not before.strip(" \t>*-") and text[run.end : run.end + 1] in ("", "\n", "\r")


def _is_something_else(view: View, run: Run) -> bool:
    text, shape = view.text, run.shape
    near, far = text[max(0, run.start - 1) : run.start], text[max(0, run.start - 2) : max(0, run.start - 1)]
    if near and (near in _GLUED or (near in ".-" and far.isalnum()) or (near == " " and far and far in _MONEY)):
        return True
    after = text[run.end : run.end + 1]
    if (after and after in "%@_") or _UNIT_AFTER.match(view.lower, run.end):
        return True
    return _is_date(run) or _is_ip(run) or (run.signs == "." and len(shape) == 2 and shape[0] < 3)


def _is_date(run: Run) -> bool:
    first = [group.text for group in run.groups[:3]]
    if len(first) >= 2 and all(_YEAR.fullmatch(group) for group in first[:2]):
        return True
    if len(first) < 3 or run.plus or not run.signs or "(" in run.signs:
        return False
    return (
        _is_calendar(*first) or _is_calendar(first[2], first[1], first[0]) or _is_calendar(first[2], first[0], first[1])
    )


def _is_calendar(year: str, month: str, day: str) -> bool:
    return (
        bool(_YEAR.fullmatch(year)) and 0 < int(month) <= 12 and 0 < int(day) <= 31 and max(len(month), len(day)) <= 2
    )


def _is_ip(run: Run) -> bool:
    return (
        run.signs == "."
        and len(run.groups) == 4
        and " " not in "".join(run.separators)
        and all(int(group.text) <= 255 for group in run.groups)
    )
