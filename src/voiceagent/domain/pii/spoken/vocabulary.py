"""Number words of five languages and their values, and the words for the signs between figures. How they combine stands in numbers.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True, slots=True)
class Language:
    """values: words that stand for a number, e.g. twelve or einundzwanzig.  joins: words between tens and units.

    hundred, thousand: words that multiply what stands before them.  pairs: French says 60 and 80 with 10 to 19 after them.
    bare: tens and units stand side by side, as in `twenty one`; elsewhere they are one word or need a join.
    """

    values: dict[str, int]
    joins: frozenset[str] = frozenset()
    hundred: frozenset[str] = frozenset()
    thousand: frozenset[str] = frozenset()
    pairs: bool = False
    bare: bool = False
    times: dict[str, int] = field(default_factory=dict)


def _counted(words: str, start: int, step: int = 1) -> dict[str, int]:
    """Words with `/` between ways to write one number, counted from `start`."""
    listed = enumerate(words.split())
    return {way: start + place * step for place, ways in listed for way in ways.split("/")}


def _english() -> Language:
    values = _counted(
        "zero/oh/o/nought/naught/nil one two three four five six seven eight nine "
        "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
        0,
    )
    values |= _counted("twenty thirty forty/fourty fifty sixty seventy eighty ninety", 20, 10) | {"niner": 9}
    times = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
    return Language(
        values, frozenset(("and",)), frozenset(("hundred",)), frozenset(("thousand",)), bare=True, times=times
    )


def _german() -> Language:
    values = _counted(
        "null eins/ein zwei/zwo drei vier fünf/fuenf sechs sieben acht neun zehn "
        "elf zwölf/zwoelf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn",
        0,
    )
    units = [word for word, value in values.items() if 1 <= value <= 9 and word != "eins"]
    for ten, value in _counted(
        "zwanzig dreißig/dreissig vierzig fünfzig/fuenfzig sechzig siebzig achtzig neunzig", 20, 10
    ).items():
        values[ten] = value
        values |= {f"{unit}und{ten}": value + values[unit] for unit in units}
    below = dict(values)
    for front, value in below.items():
        if 1 <= value <= 19:
            values |= {f"{front}hundert{word}": value * 100 + rest for word, rest in (below | {"": 0}).items()}
    values |= {f"zweitausend{word}": 2000 + rest for word, rest in below.items()}
    del values["ein"]
    return Language(
        values,
        frozenset(),
        frozenset(("hundert",)),
        frozenset(("tausend",)),
        times={"doppel": 2, "doppelt": 2, "dreifach": 3},
    )


def _french() -> Language:
    values = _counted(
        "zéro/zero un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize", 0
    )
    values |= _counted("vingt/vingts trente quarante cinquante soixante", 20, 10) | {
        "septante": 70,
        "huitante": 80,
        "octante": 80,
        "nonante": 90,
    }
    return Language(
        values,
        frozenset(("et",)),
        frozenset(("cent", "cents")),
        frozenset(("mille", "mil")),
        pairs=True,
        bare=True,
        times={"double": 2, "triple": 3},
    )


def _spanish() -> Language:
    values = _counted(
        "cero uno/un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis/dieciseis diecisiete dieciocho diecinueve "
        "veinte veintiuno/veintiún veintidós/veintidos veintitrés/veintitres veinticuatro veinticinco veintiséis/veintiseis veintisiete veintiocho veintinueve",
        0,
    )
    values |= _counted("treinta cuarenta cincuenta sesenta setenta ochenta noventa", 30, 10)
    values |= _counted(
        "cien/ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos",
        100,
        100,
    )
    return Language(values, frozenset(("y",)), frozenset(), frozenset(("mil",)), times={"doble": 2, "triple": 3})


def _italian() -> Language:
    values = _counted(
        "zero uno/un due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove",
        0,
    )
    units = {word: value for word, value in values.items() if 1 <= value <= 9 and word != "un"} | {"tré": 3}
    for ten, value in _counted("venti trenta quaranta cinquanta sessanta settanta ottanta novanta", 20, 10).items():
        values[ten] = value
        values |= {(ten[:-1] if unit[0] in "uo" else ten) + unit: value + n for unit, n in units.items()}
    below = dict(values)
    hundreds = {"cento": 100} | {f"{unit}cento": n * 100 for unit, n in units.items() if n > 1}
    for hundred, value in hundreds.items():
        values |= {hundred + word: value + rest for word, rest in (below | {"": 0}).items()}
    years = {word: value for word, value in values.items() if 900 <= value <= 999} | {"": 0}
    values |= {f"mille{word}": 1000 + rest for word, rest in years.items()}
    values |= {f"duemila{word}": 2000 + rest for word, rest in (below | {"": 0}).items()}
    return Language(values, times={"doppio": 2, "triplo": 3})


@cache
def languages() -> tuple[Language, ...]:
    """All of them; a run of figures is read in the one that reads most of it."""
    return (_english(), _german(), _french(), _spanish(), _italian())


@cache
def known() -> frozenset[str]:
    """Every word that may begin a run of figures."""
    return frozenset(
        word for language in languages() for word in (*language.values, *language.times, *language.thousand)
    )


SIGNS = {
    "dash": "-", "hyphen": "-", "minus": "-", "bindestrich": "-", "strich": "-", "tiret": "-", "guion": "-", "guión": "-", "trattino": "-",
    "dot": ".", "point": ".", "punkt": ".", "punto": ".", "underscore": "_", "unterstrich": "_", "plus": "+", "più": "+", "más": "+",
    "slash": "/", "schrägstrich": "/",
}  # fmt: skip
LOW_SIGNS = {("tiret", "bas"), ("guion", "bajo"), ("guión", "bajo"), ("trattino", "basso")}
"""Two words for an underscore."""
AT_WORDS = frozenset("at ät klammeraffe arobase arobas arroba chiocciola".split())
FILLERS = frozenset("uh um er erm uhm äh ähm öh euh hmm".split())
TOP_DOMAINS = frozenset(
    "com org net edu gov mil info biz io ai app dev me tv uk us ca au nz ie de at ch fr be es it pt nl lu dk se no fi is pl cz sk hu ro bg "
    "gr hr si rs ua ru tr il in jp cn kr br mx ar cl eu co cat xyz online shop site tech cloud email mail example test invalid".split()
)
