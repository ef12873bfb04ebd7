"""Numbers 0 to 99 in words, in five languages: how the made texts speak. Written apart from the recognisers' vocabulary."""

from __future__ import annotations

_EN = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_EN_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_DE = "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn".split()
_DE_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
_FR = "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf".split()
_FR_TENS = "vingt trente quarante cinquante soixante".split()
_ES = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve "
    "veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve"
).split()
_ES_TENS = "treinta cuarenta cincuenta sesenta setenta ochenta noventa".split()
_IT = "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove".split()
_IT_TENS = "venti trenta quaranta cinquanta sessanta settanta ottanta novanta".split()


def number(value: int, language: str) -> str:
    """`value` below 100 in words."""
    return {"en": _english, "de": _german, "fr": _french, "es": _spanish, "it": _italian}[language](value)


def _english(value: int) -> str:
    if value < 20:
        return _EN[value]
    tens, unit = divmod(value, 10)
    return _EN_TENS[tens - 2] + (f"-{_EN[unit]}" if unit else "")


def _german(value: int) -> str:
    if value < 20:
        return _DE[value]
    tens, unit = divmod(value, 10)
    return (("ein" if unit == 1 else _DE[unit]) + "und" if unit else "") + _DE_TENS[tens - 2]


def _french(value: int) -> str:
    if value < 20:
        return _FR[value]
    if value < 70:
        tens, unit = divmod(value, 10)
        return _FR_TENS[tens - 2] + ("" if unit == 0 else " et un" if unit == 1 else f"-{_FR[unit]}")
    if value < 80:
        return "soixante" + (" et onze" if value == 71 else f"-{_FR[value - 60]}")
    return "quatre-vingts" if value == 80 else f"quatre-vingt-{_FR[value - 80]}"


def _spanish(value: int) -> str:
    if value < 30:
        return _ES[value]
    tens, unit = divmod(value, 10)
    return _ES_TENS[tens - 3] + (f" y {_ES[unit]}" if unit else "")


def _italian(value: int) -> str:
    if value < 20:
        return _IT[value]
    tens, unit = divmod(value, 10)
    ten = _IT_TENS[tens - 2]
    if unit in (1, 8):
        ten = ten[:-1]
    return ten + ("tré" if unit == 3 else _IT[unit] if unit else "")
