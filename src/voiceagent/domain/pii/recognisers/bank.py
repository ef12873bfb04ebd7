"""Bank accounts: IBAN by its check figures, American routing numbers, and account numbers by the words before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voiceagent.domain.pii.checks import mod97, routing
from voiceagent.domain.pii.figures import Run
from voiceagent.domain.pii.spans import Span
from voiceagent.domain.pii.view import View, any_of

_LENGTHS = dict(
    pair.split(":")
    for pair in (
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DJ:27 DK:18 DO:28 EE:20 EG:29 "
        "ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 "
        "LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 "
        "PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30"
    ).split()
)
"""Characters of an IBAN by country: SWIFT's IBAN registry, release 99."""
_IBAN = re.compile(r"(?<![^\W_])(?=([A-Za-z] ?[A-Za-z][ ]?\d[ ]?\d(?:[ \u00a0\-.,]{0,2}+[A-Za-z0-9]){11,31}+))")
"""Looks ahead only, so that `in 2004. The IBAN is ...` does not swallow the account."""
_IBAN_CONTEXT = any_of("iban | i ban | bank account | konto | kontonummer | bankverbindung | compte | cuenta | conto")
_ROUTING = any_of("routing | routing number | aba | aba number | transit number | rtn")
_ACCOUNT = any_of(
    """account number | account no | acct | acct no | account | bank account | checking account | savings account | kontonummer | konto | bankkonto |
    numéro de compte | compte bancaire | compte | número de cuenta | cuenta bancaria | cuenta | numero di conto | conto corrente | conto |
    rekeningnummer | rekening | sort code"""
)
_NOT_BANK = any_of(
    "phone | card | credit | tracking | order | invoice | case | ticket | reference | telefon | karte | carte | tarjeta"
)
_DISTANCE_CHARS = 40


def recognise(view: View, runs: tuple[Run, ...]) -> Iterator[Span]:
    """IBANs, routing numbers and account numbers of a text."""
    yield from _ibans(view)
    for run in runs:
        for part in run.split(",/"):
            digits, start = part.digits, part.groups[0].start
            if len(digits) == 9 and routing(digits) and view.near(_ROUTING, start, part.end):
                yield view.span("routing_number", start, part.end, 0.9, digits)
            elif 6 <= len(digits) <= 18 and not part.plus and _is_account(view, start):
                yield view.span("bank_account", start, part.end, 0.75, digits)


def _is_account(view: View, start: int) -> bool:
    before = view.before(start, _DISTANCE_CHARS)
    words = list(_ACCOUNT.finditer(before))
    return bool(words) and not _NOT_BANK.search(before, words[-1].start())


def _ibans(view: View) -> Iterator[Span]:
    for found in _IBAN.finditer(view.text):
        code = [(char.upper(), found.start() + place) for place, char in enumerate(found.group(1)) if char.isalnum()]
        country = code[0][0] + code[1][0]
        length = int(_LENGTHS.get(country, "0"))
        if not 0 < length <= len(code):
            continue
        value = "".join(char for char, _ in code[:length])
        end = code[length - 1][1] + 1
        if view.text[end : end + 1].isalnum():
            continue
        if mod97(value):
            yield view.span("iban", found.start(), end, 0.99, value)
        elif view.near(_IBAN_CONTEXT, found.start(), end):  # misheard or mistyped
            yield view.span("iban", found.start(), end, 0.7, value)
