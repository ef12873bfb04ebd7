"""Which language a text is in: by its script, then by its commonest small words. No model; "" when it cannot be told."""

from __future__ import annotations

import re
from collections import Counter

_SAMPLE_CHARS = 20_000
_WORD = re.compile(r"[^\W\d_]+")
_LEAST_WORDS = 5
_LEAST_SHARE = 0.08
"""Share of words that must be small words of the language. Running text has 0.2 to 0.5, lists of names almost none."""

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("fa", re.compile(r"[\u067e\u0686\u0698\u06af]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("uk", re.compile(r"[\u0456\u0457\u0454\u0491]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_SCRIPT_SHARE = {"ja": 0.05, "fa": 0.01, "uk": 0.01}
"""Japanese mixes its own signs with Chinese ones; Persian and Ukrainian show by a few letters."""

_SMALL_WORDS = {
    "en": "the of and to in is that it for was on are as with his they at be this from "
    "have or by one had not but what all were when we there can your which their will if an",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als "
    "auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au "
    "sur ne se ce il sont avec son aux sa mais comme ou si leur y dont nous cette ces été",
    "es": "de la que el en y a los del se las por un para con no una su "
    "al lo como más pero sus le ya o este sí porque esta entre cuando muy sin sobre también",
    "it": "di e il la che in a per un del è le i della si con da non una "
    "sono al dei nel come anche più alla ha o ma gli delle su questo nella lo dal se",
    "pt": "de a o que e do da em um para é com não uma os no se na por "
    "mais as dos como mas foi ao ele das tem à seu sua ou ser quando muito há nos já",
    "nl": "de van het een en in is dat op te zijn met voor niet die aan er om "
    "ook als dan maar bij nog uit door naar heeft wordt tot je hij was deze worden over",
    "sv": "och i att det som en på är av för med till den har de inte om ett "
    "han men var jag sig från så kan när år under också efter eller nu sin där vid",
    "da": "og i at det er en til af på den med de for ikke der var han som "
    "et har om men sig fra ved kan jeg vil skal eller efter også blev hun da nu",
    "nb": "og i det er på en som til av for at med de ikke den har om et "
    "var han men seg fra kan jeg ble vil skal eller etter også hun nå når så ved",
    "fi": "ja on ei se että oli hän joka mutta ovat myös kun niin sen "
    "kuin tai jos mitä nyt vain ole olla hänen sekä joita jotka tämä ennen",
    "pl": "i w na z do się nie jest to że o jak za po od przez dla "
    "ale są tym co jego oraz być który tego lub tak już może jej przy czy może",
    "cs": "a v se na je že o s z do i to k ve pro za by "
    "ale si po jako od jsem jsou byl při jeho už nebo který také jen aby bylo",
    "tr": "ve bir bu da de için ile olarak olan en çok daha gibi "
    "kadar sonra ne var ama ya her o olduğu ise göre tarafından değil",
    "ro": "de și în a la cu pe care nu că din este o un se "
    "pentru mai sau sunt ce al prin fi după lui au fost dar ca până",
    "hu": "a az és hogy nem is egy van ez meg csak de volt mint már el még ki azt vagy kell akkor lesz ha be",
}
_LANGUAGES = {language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()}


def language_of(text: str) -> str:
    """The ISO 639-1 code of the text's main language, "" when it is too short or too odd to tell."""
    sample = text[:_SAMPLE_CHARS]
    letters = sum(1 for character in sample if character.isalpha())
    if letters == 0:
        return ""
    for language, pattern in _SCRIPTS:
        if len(pattern.findall(sample)) > letters * _SCRIPT_SHARE.get(language, 0.3):
            return language
    counts = Counter(_WORD.findall(sample.lower()))
    total = counts.total()
    if total < _LEAST_WORDS:
        return ""
    scores = {language: sum(counts[word] for word in words) / total for language, words in _LANGUAGES.items()}
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] >= _LEAST_SHARE else ""
