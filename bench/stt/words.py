"""How two transcripts are compared: lower case, no punctuation, no fillers, numbers written one way. Errors are counted in words."""

from __future__ import annotations

import re

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBERS = {word: value for value, word in enumerate(_UNITS.split())}
NUMBERS |= {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
_FILLERS = {"uh", "um", "uhm", "er", "erm", "hmm", "mm"}
_SPELLINGS = {
    "mister": "mr",
    "missus": "mrs",
    "doctor": "dr",
    "ok": "okay",
    "alright": "all right",
    "yknow": "you know",
}
_SPELLINGS |= {
    "to morrow": "tomorrow",
    "to day": "today",
    "to night": "tonight",
    "any one": "anyone",
    "every one": "everyone",
}
_AND = re.compile(rf"\b(hundred|thousand) and (?=(?:{'|'.join(NUMBERS)})\b)")
_MARKS = re.compile(r"<[^>]*>|\[|\]")


def normalised(text: str) -> list[str]:
    """The words that count. "Twenty-ounce" and "20 ounce" give the same; so do "five five" and "55"."""
    text = _MARKS.sub(" ", text.lower().replace("’", "'"))
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"\$\s?(\d+)", r"\1 dollars", text).replace("%", " percent ")
    text = " ".join(re.sub(r"[^\w']", " ", text).replace("_", " ").split())
    for written, wanted in _SPELLINGS.items():
        text = re.sub(rf"\b{written}\b", wanted, text)
    words = (word.strip("'") for word in _AND.sub(r"\1 ", text).split())
    return _with_figures([word for word in words if word and word not in _FILLERS])


def errors(reference: list[str], heard: list[str]) -> int:
    """Substitutions, deletions and insertions between two lists of words."""
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(reference, start=1):
        diagonal, row[0] = row[0], i
        for j, got in enumerate(heard, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != got))
    return row[-1]


def _with_figures(words: list[str]) -> list[str]:
    """Number words as figures; neighbours that do not add up are written side by side, as a speaker of digits means them."""
    result: list[str] = []
    figures: list[int | str] = []
    for word in [*words, ""]:
        if word.isdigit():
            figures.append(word)
        elif word in NUMBERS:
            _add(figures, NUMBERS[word])
        elif word in ("hundred", "thousand") and figures and isinstance(figures[-1], int):
            figures[-1] *= 100 if word == "hundred" else 1000
        else:
            if figures:
                result.append("".join(str(figure) for figure in figures))
                figures = []
            result.append(word)
    return result[:-1]


def _add(figures: list[int | str], value: int) -> None:
    last = figures[-1] if figures else None
    room = (
        isinstance(last, int)
        and last > 0
        and (last % 100 == 0 or (last % 10 == 0 and last % 100 != 10 and 0 < value < 10))
    )
    if isinstance(last, int) and room:
        figures[-1] = last + value
    else:
        figures.append(value)
