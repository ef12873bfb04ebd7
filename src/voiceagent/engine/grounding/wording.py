"""How an answer from a document is said: who says it, on which page, then the sentence as it stands. English. Pure."""

from __future__ import annotations

import re

from voiceagent.domain.document import Passage

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_PAPERS = re.compile(
    r"\b(?:handbook|manual|guide|guidelines|policy|policies|report|contract|agreement|letter|invoice|form|plan|rules|brochure|leaflet|catalogue|"
    r"catalog|protocol|specification|statute|regulations?|terms|notice|memo|minutes|statement|schedule|programme|program|offer|order|receipt)$",
    re.IGNORECASE,
)
_MANY = re.compile(r"\b(?:guidelines|policies|rules|regulations|terms|minutes)$", re.IGNORECASE)
_SUFFIX = re.compile(r"\.(?:pdf|docx?|txt|md|html?|pptx?|xlsx?|eml|epub|odt)$", re.IGNORECASE)
_NOTES = re.compile(r"\s*\[(?:\d{1,3}|[a-z]|note \d+|citation needed)\]")
_TITLE_WORDS = 8

NOT_FOUND = "I don't find that in your documents."


def introduced(passage: Passage, *, spoken: bool) -> str:
    """The words before the sentence: "The handbook says, on page four: "."""
    page = passage.chunk.page
    number = spelled(page) if spoken else str(page)
    teller, verb = _teller(passage.title)
    return f"{teller} {verb}, on page {number}: " if page else f"{teller} {verb}: "


def quoted(sentence: str) -> str:
    """The sentence, ready to be said: on one line, without note marks and bullets, ended by a full stop."""
    plain = _NOTES.sub("", " ".join(sentence.split())).lstrip("-*•#> ").strip()
    return plain if plain.endswith((".", "!", "?", "…", ".”", '."')) else plain.rstrip(",;:") + "."


def spelled(number: int) -> str:
    """A page number as a word, up to 99; digits above."""
    if 0 <= number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    return str(number)


def _teller(title: str) -> tuple[str, str]:
    """A title as the subject of a sentence, and the verb that goes with it."""
    plain = " ".join(_SUFFIX.sub("", title).replace("_", " ").split()[:_TITLE_WORDS]).rstrip(" .,:;-")
    if not plain:
        return "The document", "says"
    verb = "say" if _MANY.search(plain) else "says"
    if re.match(r"(?:the|a|an|our|your|my)\b", plain, re.IGNORECASE):
        return plain[0].upper() + plain[1:], verb
    if _PAPERS.search(plain):
        return f"The {plain}", verb
    return f"The document “{plain}”", "says"
