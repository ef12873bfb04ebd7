"""Names of people: words that are names, by the words around them, or by their capitals; in order of trust.

Lists do not know most surnames of the world: a capitalised word that no list explains counts as a name where its place allows one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from voiceagent.domain.pii.lexicon import first_names, is_english, is_place, is_small_word, last_names
from voiceagent.domain.pii.lexicon import words as listed
from voiceagent.domain.pii.spans import Span
from voiceagent.domain.pii.view import View

_WORD = re.compile(r"(?<!\w)[^\W\d_]++(?:['’\-][^\W\d_]++){0,3}")
_TITLES = frozenset(
    "mr mrs ms miss mister madam sir dr doctor prof professor rev reverend captain herr herrn frau monsieur madame mademoiselle mme mlle señor señora "
    "señorita sr sra srta don doña signor signore signora signorina dott dottoressa senhor senhora meneer mevrouw".split()
)
_PARTICLES = frozenset(
    "van von de der den del della di da dos das du la le ten ter el al bin ibn abu st mac mc zu zum y e".split()
)
_INTRODUCTIONS = re.compile(
    r"(?<!\w)(?:my (?:full |last |first |middle )?name(?:'s| is)|the name(?:'s| is)|(?:his|her|their|"
    r"name|surname|last name|first name|customer|patient|client|caller|holder|passenger)(?:'s)? name is|"
    r"(?:am|i'm) called|(?:is|was|am|i'm) named|call me|speaking with|speak (?:to|with)|talk (?:to|"
    r"with)|this is|it's|signed|regards|sincerely|dear|(?:first |last |full |sur|customer )?name ?:|"
    r"(?:mein )?name ist|ich (?:heiße|heisse|bin)|hier (?:ist|spricht)|je m'appelle|je "
    r"suis|mon nom est|ici|me llamo|mi nombre es|soy|habla|mi chiamo|il mio nome è|sono|parla|"
    r"meu nome é|chamo-me|mijn naam is|ik ben|ik heet)[ :]{1,4}+"
)
_SURE_INTRODUCTIONS = (
    "name",
    "nom ",
    "nome ",
    "nombre",
    "appelle",
    "llamo",
    "chiamo",
    "heiße",
    "heisse",
    "heet",
    "called",
    "named",
    "naam",
    "spricht",
    "call me",
)
_PLACE_BEFORE = frozenset("in near at into via around towards visit visiting of nach aus à en desde dalla".split())
_WAY_BEFORE = frozenset("to from".split())
_MOVING = frozenset(
    "go goes going gone went travel travels travelling traveling fly flies flying flew move moves moved moving come comes coming came am is are was were be "
    "been i'm he's she's they're drive drives driving drove flight train trip "
    "bus back here there away home get got ship shipped deliver delivered direct way all".split()
)
_COMPANY_AFTER = frozenset(
    "inc llc ltd limited corp corporation company co gmbh ag group bank university college school hospital airport street road avenue lane drive court "
    "hotel restaurant systems software technologies solutions services partners associates foundation institute center centre park river lake mountain valley "
    "county city island beach consulting insurance capital holdings media labs league union church museum station team fc".split()
)
_CONTRACTED = ("'m", "'re", "'ve", "'ll", "'d", "n't", "’m", "’re", "’ve", "’ll", "’d", "n’t")
_CLOSINGS = frozenset("speaking calling here".split())
_ARTICLES = frozenset("the a an this that these those every each some any no our your its".split())
_SUBJECT_VERBS = frozenset(
    "is was has had said says lives lived works worked called will would can could does did wants wanted and asked told thinks went got".split()
)
_SMALL_ENGLISH = frozenset(
    "the is was are were be been have has had do does did my your his her its our their you he she they it we "
    "and but or if of to for with from at by this that "
    "these there here what which who when where why how not can could would should please thanks yes hello name call i'm it's i've don't".split()
)
_ALSO_ENGLISH = frozenset(
    "am an as a i bent bin come comment dank den die do door dove encore era had hat he hem hen in is la ma madame me met no non of over plus per via van "
    "war was we will name son soy sin tag ton tout um so also man on to us are for or".split()
)
_SENTENCE_END = frozenset('.!?:;\n"“”«»>•*-|(')


class _Word(NamedTuple):
    """A word of the text. before: the text between it and the last word.  opens: it begins a sentence, a line or a quotation."""

    text: str
    low: str
    start: int
    end: int
    before: str
    opens: bool

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def is_first(self) -> bool:
        return self.low in first_names() or self.low.partition("-")[0] in first_names()

    @property
    def is_last(self) -> bool:
        return (self.low in last_names() or (_is_unknown(self) and self.capital)) and self.low not in _PARTICLES

    @property
    def is_common(self) -> bool:
        """Also a word of a language: Will, Rose, Mark."""
        return is_english(self.low) or is_small_word(self.low) or is_place(self.low) or self.low.endswith(_CONTRACTED)


def _is_unknown(word: _Word) -> bool:
    """No list explains it, and it is written as a name is."""
    return (
        len(word.text) > 2
        and word.low not in _TITLES
        and not is_english(word.low)
        and not is_small_word(word.low)
        and not is_place(word.low)
        and not word.low.endswith(_CONTRACTED)
        and (word.text[1:].islower() or _has_inner_capital(word.text))
    )


def _has_inner_capital(text: str) -> bool:
    """McConnan, O'Brien, Anne-Marie, MacLeod."""
    parts = re.split(r"['’\-]", text.removeprefix("Mc").removeprefix("Mac"))
    return all(part[:1].isupper() and (part[1:].islower() or len(part) == 1) for part in parts if part) and any(
        len(part) > 1 for part in parts
    )


def recognise(view: View) -> Iterator[Span]:
    """Names of people in a text."""
    words = _words(view.text)
    introduced = _introduced(view, words)
    english = _looks_english(words)
    caseless = english and not any(word.capital and not word.before.strip() for word in words)
    known = first_names()
    at = 0
    while at < len(words):
        if words[at].capital or words[at].low in known or at in introduced:
            last, score = _name_from(words, at, introduced.get(at, 0.0), english)
        elif caseless and _is_unexplained_pair(words, at):
            last, score = at + 2, 0.5
        else:
            last, score = at, 0.0
        if score:
            start, end = words[at].start, _without_possessive(words[last - 1])
            yield view.span("person", start, end, score, " ".join(view.lower[start:end].split()))
        at = max(last, at + 1)


def _without_possessive(word: _Word) -> int:
    return word.end - 2 if word.low.endswith(("'s", "’s")) else word.end


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    at = 0
    for found in _WORD.finditer(text):
        before = text[at : found.start()]
        opens = not words or not _SENTENCE_END.isdisjoint(before)
        if before == ". " and words and (words[-1].low in _TITLES or len(words[-1].text) == 1):
            opens = False
        word, end = found.group(), found.end()
        low = word.lower().removesuffix("'s").removesuffix("’s")
        words.append(_Word(word, low, found.start(), end, before, opens))
        at = end
    return words


def _introduced(view: View, words: list[_Word]) -> dict[int, float]:
    """Words before which somebody is introduced, and how surely."""
    places = {word.start: index for index, word in enumerate(words)}
    found: dict[int, float] = {}
    for match in _INTRODUCTIONS.finditer(view.lower):
        index = places.get(match.end())
        if index is not None:
            sure = any(word in match.group() for word in _SURE_INTRODUCTIONS)
            sure = sure or any(word.low in _CLOSINGS for word in words[index + 1 : index + 4])
            found[index] = 0.85 if sure else 0.6
    return found


def _looks_english(words: list[_Word]) -> bool:
    """As many small words of English as of other languages: only in English do capitals within a sentence mark names."""
    foreign = sum(is_small_word(word.low) and word.low not in _ALSO_ENGLISH for word in words)
    return foreign == 0 or sum(word.low in _SMALL_ENGLISH for word in words) >= foreign


def _name_from(words: list[_Word], at: int, introduced: float, english: bool) -> tuple[int, float]:
    """The word after the name that begins here, and its score; 0.0 for none."""
    word = words[at]
    titled = at > 0 and words[at - 1].low in _TITLES and words[at].before in (" ", ". ", ".")
    if titled and word.capital and word.low not in _SMALL_ENGLISH:
        return _extent(words, at), 0.9
    if word.low in _TITLES:
        return at, 0.0
    if introduced:
        return _introduced_name(words, at, introduced)
    if not word.capital:
        return _lower_case(words, at, english)
    last = _extent(words, at)
    if last - at >= 2:
        return _full_name(words, at, last, english)
    return _single(words, at, english)


def _introduced_name(words: list[_Word], at: int, score: float) -> tuple[int, float]:
    """After `my name is` nearly any word is a name; after `this is` only what looks like one."""
    word = words[at]
    if word.capital and (word.is_first or word.is_last or not word.is_common):
        return _extent(words, at), 0.9 if word.is_first else score
    if (
        score > 0.8
        and not is_small_word(word.low)
        and (not is_english(word.low) or (word.is_first and not word.capital))
    ):
        last = at + 1
        if (
            last < len(words)
            and words[last].before == " "
            and (words[last].low in last_names() or not words[last].is_common)
        ):
            last += 1
        return last, 0.75
    return _lower_case(words, at, english=True) if not word.capital else (at, 0.0)


def _is_unexplained_pair(words: list[_Word], at: int) -> bool:
    """In a text without any capitals: a word that no list of any language holds, and another or a surname after it."""
    if at + 1 >= len(words) or words[at + 1].before != " " or not _is_unexplained(words[at]):
        return False
    last = words[at + 1]
    return _is_unexplained(last) or (last.low in last_names() and not last.is_common and len(last.low) > 2)


def _is_unexplained(word: _Word) -> bool:
    return len(word.low) > 2 and word.low.isalpha() and not word.is_common and word.low not in _TITLES


def _lower_case(words: list[_Word], at: int, english: bool) -> tuple[int, float]:
    """In small letters only a first name with a surname, or with a word that no list explains."""
    if at + 1 >= len(words) or words[at + 1].before != " " or words[at + 1].capital:
        return at, 0.0
    first, last = words[at], words[at + 1]
    if first.low not in first_names() or is_small_word(first.low) or is_place(first.low) or len(last.low) < 3:
        return at, 0.0
    if is_small_word(last.low) or is_place(last.low) or last.low.endswith(_CONTRACTED):
        return at, 0.0
    if last.low in last_names():
        plain = is_english(first.low) + is_english(last.low)
        return at + 2, (0.65, 0.5, 0.0)[plain]
    return at + 2, 0.5 if english and not is_english(first.low) and not is_english(last.low) else 0.0


def _extent(words: list[_Word], at: int) -> int:
    """The word after the capitalised words, initials and particles that go on from here."""
    last = at + 1
    while last < len(words) and last - at < 6:
        word, before = words[last], words[last].before
        initial = len(words[last - 1].text) == 1 and before in (". ", " ", ".")
        if before != " " and not initial:
            break
        if (
            word.capital
            and (not word.text.isupper() or len(word.text) == 1 or words[at].text.isupper())
            and not _ends_name(words, at, last)
        ):
            last += 1
        elif (
            word.low in _PARTICLES
            and last + 1 < len(words)
            and words[last + 1].before == " "
            and _continues(words, last + 1)
        ):
            last += 2 if words[last + 1].capital else 3
        else:
            break
    return min(last, len(words))


def _continues(words: list[_Word], at: int) -> bool:
    """A capital after a particle, or after two (`van der Berg`)."""
    if words[at].capital:
        return not words[at].is_common
    return words[at].low in _PARTICLES and at + 1 < len(words) and words[at + 1].capital and words[at + 1].before == " "


def _ends_name(words: list[_Word], at: int, last: int) -> bool:
    """A capital that begins something else. Right after a sure first name an ordinary word may be a surname: Sarah Nightingale."""
    word = words[last]
    if word.low in ("i", "and", "or") or word.low.endswith(_CONTRACTED):
        return True
    if (
        last == at + 1
        and words[at].is_first
        and not words[at].is_common
        and word.low not in _COMPANY_AFTER | _SMALL_ENGLISH
    ):
        return False
    return is_english(word.low) and word.low not in first_names() and word.low not in last_names()


def _full_name(words: list[_Word], at: int, last: int, english: bool) -> tuple[int, float]:
    """Several capitals in a row."""
    while at < last and (words[at].opens or at == 0) and words[at].is_common and not words[at].is_first:
        return at, 0.0  # an ordinary word that a sentence begins with: look again from the next
    part = words[at:last]
    if last < len(words) and words[last].before == " " and words[last].low in _COMPANY_AFTER and words[last].capital:
        return last, 0.0
    if any(word.low in _COMPANY_AFTER for word in part) or any(
        is_place(word.low) and not word.is_first for word in part
    ):
        return last, 0.0
    names = [word for word in part if len(word.text) > 1 and word.low not in _PARTICLES]
    firsts = part[0].is_first
    lasts = bool(names) and names[-1].is_last
    ordinary = all(is_english(word.low) for word in names)
    if firsts and lasts:
        return last, 0.7 if ordinary else 0.9
    if ordinary or not names:
        return last, 0.0
    if firsts or (names[-1].low in last_names() and english):
        return last, 0.75
    if (
        english
        and all(_is_unknown(word) for word in names)
        and not _after_place_word(words, at)
        and not _after_article(words, at)
    ):
        return last, 0.55
    return last, 0.0


def _single(words: list[_Word], at: int, english: bool) -> tuple[int, float]:
    """One capitalised word by itself."""
    word = words[at]
    follows = words[at + 1].low if at + 1 < len(words) and words[at + 1].before == " " else ""
    if len(word.text) < 2 or word.text.isupper() or follows in _COMPANY_AFTER or word.low in _TITLES:
        return at + 1, 0.0
    if is_place(word.low):
        return at + 1, 0.5 if english and _is_person_of_place(words, at) else 0.0
    if word.is_common:
        named = word.is_first and not word.opens and not is_small_word(word.low) and english
        free = not _after_place_word(words, at) and not _after_article(words, at)
        return at + 1, 0.55 if named and free else 0.0  # Will, Mark or Rose within a sentence
    if word.is_first:
        return at + 1, 0.7 if english or not word.opens else 0.0
    if _after_article(words, at) or (_after_place_word(words, at) and not word.text.endswith(("'s", "’s"))):
        return at + 1, 0.0
    if word.low in last_names():
        return at + 1, 0.55 if english or not word.opens else 0.0
    if english and _is_unknown(word) and (not word.opens or follows in _SUBJECT_VERBS or _follows_verb(words, at + 1)):
        return at + 1, 0.5
    return at + 1, 0.0


def _is_person_of_place(words: list[_Word], at: int) -> bool:
    """Sofia or Diego, where a town of that name could not stand; not San Diego."""
    apart = at == 0 or words[at].opens or not words[at - 1].capital or (words[at - 1].opens and words[at - 1].is_common)
    return apart and words[at].low in listed("first_world") and not _after_place_word(words, at)


def _after_place_word(words: list[_Word], at: int) -> bool:
    """`in Gondregnies`, `I am from Gondregnies`; but `a letter from Bergqvist` names somebody."""
    if at == 0 or words[at].before != " ":
        return False
    if words[at - 1].low in _WAY_BEFORE:
        return at > 1 and words[at - 2].low in _MOVING
    return words[at - 1].low in _PLACE_BEFORE


def _follows_verb(words: list[_Word], at: int) -> bool:
    """An English word in small letters with the ending of a verb: `Ullmark plays`, `Vesna wanted`."""
    return (
        at < len(words)
        and words[at].before == " "
        and words[at].text.islower()
        and words[at].low.endswith(("s", "ed"))
        and is_english(words[at].low)
    )


def _after_article(words: list[_Word], at: int) -> bool:
    return at > 0 and words[at].before == " " and words[at - 1].low in _ARTICLES
