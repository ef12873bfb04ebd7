"""Wallets of crypto currencies: Bitcoin addresses by their checksums, Ethereum's by their shape."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voiceagent.domain.pii.checks import base58check, bech32
from voiceagent.domain.pii.spans import Span
from voiceagent.domain.pii.view import View

_BASE58 = re.compile(r"(?<!\w)[13][1-9A-HJ-NP-Za-km-z]{25,34}(?!\w)")
_BECH32 = re.compile(r"(?<!\w)(?:bc1|tb1)[02-9ac-hj-np-z]{11,71}(?!\w)", re.IGNORECASE)
_ETHEREUM = re.compile(r"(?<!\w)0x[0-9a-fA-F]{40}(?!\w)")


def recognise(view: View) -> Iterator[Span]:
    """Wallets of a text."""
    for found in _BASE58.finditer(view.text):
        if base58check(found.group()):
            yield view.span("wallet", found.start(), found.end(), 0.99)
    for found in _BECH32.finditer(view.text):
        if bech32(found.group()):
            yield view.span("wallet", found.start(), found.end(), 0.99, found.group().lower())
    for found in _ETHEREUM.finditer(view.text):
        yield view.span("wallet", found.start(), found.end(), 0.95, found.group().lower())
