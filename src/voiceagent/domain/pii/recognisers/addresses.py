"""Street addresses: a house number with a street's name in the manners of several countries, boxes and military posts, and what belongs to them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voiceagent.domain.pii.lexicon import is_english
from voiceagent.domain.pii.spans import Span
from voiceagent.domain.pii.view import View

_KINDS_EN = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|way|place|pl|square|sq|terrace|terr|crescent|cres|close|parkway|pkwy|highway|hwy|"
    "route|trail|circle|cir|alley|mews|gardens|grove|hill|row|walk|loop|plaza|point|pass|path|pike|ridge|run|view|junction|summit|squares|lodge|bypass|"
    "esplanade|parade|quay|turnpike|causeway|expressway|freeway|fields|green|heights|meadow|meadows|estate|wharf"
)
_ENGLISH = re.compile(
    rf"(?<![\w.])\d{{1,6}}[a-z]?(?:[-/ ]\d{{1,4}}[a-z]?)?,?[ \n](?:(?:[nsew]|north|"
    rf"south|east|west)\.?[ ])?(?:(?:[^\W\d]|\d{{1,3}}(?:st|nd|rd|th))[\w'’.-]{{0,24}}+[ ]){{1,3}}(?:{_KINDS_EN})(?!\w)\.?"
)
_JOINED = re.compile(
    r"(?<![\w.-])(?:[\w.-]{2,24}[ ])?[\w-]{0,24}(?:straße|strasse|str\.|weg|platz|allee|gasse|"
    r"damm|ufer|ring|markt|vej|vejen|vägen|gatan|gade|gata|gate|veien|vegen|katu|tie|kuja|polku|"
    r"straat|laan|plein|gracht|kade|vegur|stræde|stredet|utca|puiestee|tänav|põik|gränd|allé)[ ]\d{1,4}[ ]?[a-z]?(?!\w)"
)
_LEADING = re.compile(
    r"(?<!\w)(?:\d{1,4}(?: ?(?:bis|ter|[a-c]))?,? )?(?:rue|avenue|av\.|boulevard|"
    r"bd|chemin|impasse|allée|quai|cours|calle|c/|avenida|avda\.?|plaza|paseo|camino|"
    r"carrer|via|viale|piazza|piazzale|corso|vicolo|largo|strada|rua|travessa|praça|ul\.|ulica|al\.|trg|ulice|náměstí|strada|λεωφόρος|οδός|улица)"
    r"(?: [\w'’.-]{1,24}+){1,5}?,? (?:n[º°.]? ?|no\.? ?)?\d{1,4}[ ]?[a-z]?(?!\w)"
)
_LEADING_NUMBER = re.compile(
    r"(?<!\w)\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|av\.|boulevard|bd|place|chemin|impasse|"
    r"allée|quai|cours|route)(?: (?:de|du|des|la|le|les|l['’]|d['’]))?(?: ?[\w'’-]{2,24}+){1,4}"
)
_BOX = re.compile(
    r"(?<!\w)(?:p\.? ?o\.? ?box|post(?:al)? box|postfach|boîte postale|apartado(?: de correos)?|casella postale|postbus)[ ]\d{1,8}(?!\w)"
)
_MILITARY = re.compile(
    r"(?<!\w)(?:(?:unit|psc|cmr)[ ]\d{1,5},?[ ]box[ ]\d{1,5}|(?:uss|usns|uscgc|"
    r"usnv)[ ][\w-]{2,24})[\n, ]{1,3}(?:apo|fpo|dpo)[ ,]{1,2}(?:aa|ae|ap)[ ]\d{5}(?!\w)"
)
_PART = re.compile(
    r"(?<!\w)(?:apt|apartment|suite|ste|unit|flat|floor|room|appartement|wohnung|piso|interno|app)\.?[ ]?#?\d{1,5}[a-z]?(?!\w)"
)
_NEXT = re.compile(r"([\s,]{1,5})([^\s,]{1,24})")
_CODE = re.compile(r"\d{2,5}(?:-\d{2,4})?|[A-Z]{1,2}\d[A-Z\d]?|\d[A-Z]{2}")
_PARTICLES = frozenset("de del della di la le les am an der im v na nad u w bei sur y do da dos op den aan".split())
_STREETS = frozenset("street st avenue ave road rd boulevard blvd lane drive".split())
_STOP_WORDS = frozenset(
    "minutes minute hours hour days day weeks people times years year percent million of the and is are was in on at by i we you to from for with".split()
)
_JOIN_CHARS = 28
_TAIL_WORDS = 8


def recognise(view: View) -> Iterator[Span]:
    """Street addresses of a text."""
    places = sorted(_streets(view))
    at = 0
    while at < len(places):
        start, end, score = places[at]
        at += 1
        while at < len(places) and places[at][0] <= end + _JOIN_CHARS and _joins(view.text[end : places[at][0]]):
            end, score = max(end, places[at][1]), max(score, places[at][2])
            at += 1
        begin = _with_number(view, start)
        if score >= 0.6 or begin < start:
            end = _with_town(view, end)
            yield view.span("address", begin, end, max(score, 0.6), " ".join(view.lower[begin:end].split()))


def _streets(view: View) -> Iterator[tuple[int, int, float]]:
    """(start, end, score) of each piece; pieces that are nothing by themselves score low."""
    lower = view.lower
    for found in _ENGLISH.finditer(lower):
        if not _STOP_WORDS & set(found.group().split()[1:]) and _is_street(view, found):
            yield found.start(), found.end(), 0.7
    for pattern, score in ((_LEADING, 0.7), (_LEADING_NUMBER, 0.7), (_BOX, 0.85), (_MILITARY, 0.9), (_PART, 0.45)):
        for found in pattern.finditer(lower):
            yield found.start(), found.end(), score
    for found in _JOINED.finditer(lower):
        words = found.group().split()
        first = 1 if len(words) > 2 and view.text[found.start()].islower() else 0
        street = words[-2] if len(words) > 1 else words[0]
        if len(street) > 5 and not is_english(street) and not _STOP_WORDS & set(words):
            yield found.start() + (len(words[0]) + 1 if first else 0), found.end(), 0.7


def _is_street(view: View, found: re.Match[str]) -> bool:
    """A street, road or lane in any letters; other kinds of place only with capitals, for `1 cent per point` is none."""
    words = view.text[found.start() : found.end()].split()[1:]
    return words[-1].lower().rstrip(".") in _STREETS or all(not word[0].islower() for word in words[:-1])


def _joins(between: str) -> bool:
    """Between two pieces of one address: a comma, a line, a town; no other sentence."""
    return not any(char in between for char in ".!?;:()") and len(between.split()) <= 3 and between.count("\n") <= 2


def _with_number(view: View, start: int) -> int:
    """The start with the house number and street before it, as in `1593 Pagari 18, Suite 932`."""
    begin = at = start
    for _ in range(_TAIL_WORDS):
        before = view.text[max(0, at - 28) : at].rstrip(" ,")
        word = before.rpartition(" ")[2].rpartition("\n")[2]
        if not word or not (word[0].isupper() or word.isdecimal()) or len(word) > 24 or before != before.rstrip("\n"):
            break
        at = max(0, at - 28) + len(before) - len(word)
        if word.isdecimal() and len(word) <= 6:
            begin = at
    return begin


def _with_town(view: View, end: int) -> int:
    """The end with the capitalised words and codes that follow: town, region, country, code."""
    good = at = end
    coded = False
    for _ in range(_TAIL_WORDS):
        found = _NEXT.match(view.text, at)
        if not found or found.group(1).count("\n") > 1:
            break
        word = found.group(2)
        if coded and found.group(1) != " ":
            break
        plain = word.rstrip(".?!;)")
        if plain.endswith(":") or not plain:
            break
        if plain[0].isupper() or plain[0] == "(" or _CODE.fullmatch(plain):
            good = found.start(2) + len(plain)
        elif word not in _PARTICLES:
            break
        at = found.end()
        if plain != word or coded:
            break
        coded = plain.isdecimal()  # a code ends an address, or its town comes next
    return good
