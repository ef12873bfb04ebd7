"""Prepares text for models and search: one Unicode form, no hidden characters, words joined again, white space in order."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_ZERO_WIDTH = "\u200b\u2060\ufeff\u180e\u2061\u2062\u2063\u2064\u034f\u115f\u1160\u3164\uffa0"
_JOINERS = "\u200c\u200d"
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c\u200e\u200f"
_HIDDEN = {
    "zero_width": re.compile(f"[{_ZERO_WIDTH}]"),
    "bidi": re.compile(f"[{_BIDI}]"),
    "tags": re.compile("[\U000e0000-\U000e007f]"),
    "variation": re.compile("[\U000e0100-\U000e01ef\ufe00-\ufe0d]"),
    "control": re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufff9-\ufffb]"),
}
_ANY_HIDDEN = re.compile(f"[{''.join(pattern.pattern[1:-1] for pattern in _HIDDEN.values())}{_JOINERS}]")
_JOINER = re.compile(f"[{_JOINERS}]+")
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_LINE_HYPHEN = re.compile("[-\u2010\u00ad\x02\ufffe](?<=[^\\W\\d_].)[ \t]*\n[ \t]*(?=[^\\W\\d_])")
_CUT_WORD = re.compile("[\x02\ufffe\u00ad](?<=\\w.)(?=\\w)")
_ODD_SPACES = "\t\x0b\x0c\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_SPACES = re.compile(f"[{_ODD_SPACES}][ {_ODD_SPACES}]*| [ {_ODD_SPACES}]+")
"""Runs that are not one plain space already: most are, and would only be put in their own place."""

_LIGATURE = re.compile("[\ufb00-\ufb06]")
_LINE_ENDS = re.compile("\r\n?|\x85|\u2028|\u2029")
_PLAIN = re.compile(
    "[ -~\n\xa1-\xac\xae-\u02ff\u0391-\u03c9\u0410-\u044f\u2012-\u2027\u2030-\u205e\u20a0-\u20bf\u2190-\u22ff\u25a0-\u25ff]*"
)
"""Characters of which none is hidden, cuts words or is a space of its own: nearly all of nearly every text."""

_TO_MEND = ("-\n", " \n", "\n ", "\n\n\n", "  ")
_AROUND_LINE_END = re.compile(" \n ?|\n ")
_MANY_LINES = re.compile("\n{3,}")


def clean(text: str, hidden: Counter[str]) -> str:
    """`text` in NFC without hidden characters, which are counted in `hidden` by kind. Takes time in proportion to the text."""
    if text.isascii() and text.isprintable():
        return text.strip() if "  " not in text else _SPACES.sub(" ", text).strip()
    if _PLAIN.fullmatch(text) and not any(one in text for one in _TO_MEND):
        return unicodedata.normalize("NFC", text).strip()
    text = _LINE_ENDS.sub("\n", text)
    text = _LINE_HYPHEN.sub(_joined_hyphen, text)
    text = _CUT_WORD.sub("", text)
    if _ANY_HIDDEN.search(text):
        text = _without_hidden(text, hidden)
    if not text.isascii():
        text = text.translate(_LIGATURES) if _LIGATURE.search(text) else text
        text = unicodedata.normalize("NFC", text).replace("\u00ad", "")
    text = _SPACES.sub(" ", text)
    text = _AROUND_LINE_END.sub("\n", text)
    return _MANY_LINES.sub("\n\n", text).strip()


def _joined_hyphen(match: re.Match[str]) -> str:
    """A word cut at the end of a line is made whole; `Anglo-\\nSaxon` keeps its hyphen: what follows starts with a capital."""
    follows = match.string[match.end()]
    is_soft = any(mark in match.group() for mark in "\x02\ufffe\u00ad")
    return "" if is_soft or follows.islower() else "-"


def _without_hidden(text: str, hidden: Counter[str]) -> str:
    for kind, pattern in _HIDDEN.items():
        text, count = pattern.subn("", text)
        if count:
            hidden[kind] += count
    return _JOINER.sub(lambda match: _kept_joiner(match, hidden), text)


def _kept_joiner(match: re.Match[str], hidden: Counter[str]) -> str:
    """Joiners carry meaning inside Arabic, Indic and emoji sequences, one at a time; anywhere else they only hide something."""
    text = match.string
    before = text[match.start() - 1] if match.start() else ""
    after = text[match.end()] if match.end() < len(text) else ""
    if len(match.group()) == 1 and _joins(before) and _joins(after):
        return match.group()
    hidden["zero_width"] += len(match.group())
    return ""


def _joins(character: str) -> bool:
    return "\u0590" <= character <= "\u0dff" or "\u1000" <= character <= "\u109f" or character > "\u2600"
