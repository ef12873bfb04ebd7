"""How an answer from a document is said: who says it, on which page, then the sentence as it stands. Pure."""

from __future__ import annotations

import re

from voiceagent.domain.document import Passage
from voiceagent.engine.grounding.tongues.english import ENGLISH
from voiceagent.engine.grounding.tongues.tongue import Tongue

_PAPERS = re.compile(
    r"\b(?:handbook|manual|guide|guidelines|policy|policies|report|contract|agreement|letter|invoice|form|plan|rules|brochure|leaflet|catalogue|"
    r"catalog|protocol|specification|statute|regulations?|terms|notice|memo|minutes|statement|schedule|programme|program|offer|order|receipt)$",
    re.IGNORECASE,
)
_MANY = re.compile(r"\b(?:guidelines|policies|rules|regulations|terms|minutes)$", re.IGNORECASE)
_SUFFIX = re.compile(r"\.(?:pdf|docx?|txt|md|html?|pptx?|xlsx?|eml|epub|odt)$", re.IGNORECASE)
_NOTES = re.compile(r"\s*\[(?:\d{1,3}|[a-z]|note \d+|citation needed)\]")
_TITLE_WORDS = 8

NOT_FOUND = ENGLISH.phrases.not_found


def introduced(passage: Passage, page: int, *, spoken: bool, tongue: Tongue = ENGLISH) -> str:
    """The words before the sentence: "The handbook says, on page four: ". page: of the sentence, 0 for none."""
    phrases = tongue.phrases
    teller, verb = _teller(passage.title) if tongue is ENGLISH else (_named(passage.title, tongue), "")
    number = spelled(page, tongue) if spoken else str(page)
    return (phrases.says_on_page if page else phrases.says).format(teller=teller, verb=verb, page=number)


def quoted(sentence: str) -> str:
    """The sentence, ready to be said: on one line, without note marks and bullets, ended by a full stop."""
    plain = _NOTES.sub("", " ".join(sentence.split())).lstrip("-*•#> ").strip()
    return (
        plain
        if plain.endswith((".", "!", "?", "…", ".”", '."', ".“", ".»", "。", "！", "？"))
        else plain.rstrip(",;:") + "."
    )


def spelled(number: int, tongue: Tongue = ENGLISH) -> str:
    """A page number as a word where the language has one, up to 99; else digits."""
    known = tongue.phrases.small_numbers
    return known[number] if 0 <= number < len(known) else str(number)


def _plain(title: str) -> str:
    return " ".join(_SUFFIX.sub("", title).replace("_", " ").split()[:_TITLE_WORDS]).rstrip(" .,:;-")


def _named(title: str, tongue: Tongue) -> str:
    plain = _plain(title)
    return tongue.phrases.document.format(title=plain) if plain else tongue.phrases.untitled


def _teller(title: str) -> tuple[str, str]:
    """A title as the subject of an English sentence, and the verb that goes with it."""
    plain = _plain(title)
    if not plain:
        return ENGLISH.phrases.untitled, "says"
    verb = "say" if _MANY.search(plain) else "says"
    if re.match(r"(?:the|a|an|our|your|my) \w", plain, re.IGNORECASE):
        return plain[0].upper() + plain[1:], verb
    if _PAPERS.search(plain):
        return f"The {plain}", verb
    return ENGLISH.phrases.document.format(title=plain), "says"
