"""How written English is said: links, addresses, numbers, money, symbols, Markdown, emoji. Pure; the voices read the rest themselves."""

from __future__ import annotations

import re
from collections.abc import Callable

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_WELL_KNOWN_ENDINGS = "com|org|net|edu|gov|io|dev|ai|app|info|co|uk|de|eu|fr|ch|at|us|ca|au|nz|ie"
_HALVES = {"½": "one half", "¼": "one quarter", "¾": "three quarters", "⅓": "one third", "⅔": "two thirds"}


def spoken(text: str) -> str:
    """`text` as a voice should read it, on one line. "" when nothing can be said (blank, punctuation, emoji). Linear in its length."""
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    text = text.strip()
    return text if any(letter.isalnum() for letter in text) else ""


def _letters(word: str) -> str:
    return " ".join("A." if letter in "aA" else letter.upper() for letter in word)


def _domain_part(part: str) -> str:
    if len(part) == 2 and part.isalpha() and part != "co":
        return _letters(part)
    return part.replace("-", " dash ").replace("_", " underscore ").replace("+", " plus ")


def _dotted(address: str) -> str:
    return " dot ".join(_domain_part(part) for part in address.split("."))


def _link(match: re.Match[str]) -> str:
    """The host and the path; scheme, www, query and fragment are noise to an ear."""
    target = match.group("target").rstrip(".,;:!?)'\"]")
    tail = match.group("target")[len(target) :]
    host, *path = re.split(r"[?#]", target, maxsplit=1)[0].rstrip("/").split("/")
    said = [_dotted(host.rpartition("@")[2].removeprefix("www.")), *(_dotted(part) for part in path if part)]
    return " slash ".join(said) + tail


def _email(match: re.Match[str]) -> str:
    name, _, host = match.group().partition("@")
    return f"{_dotted(name)} at {_dotted(host)}"


def _digits(match: re.Match[str]) -> str:
    """Digit by digit, with the breaks where they are written."""
    groups = re.findall(r"\d+", match.group())
    plus = "plus " if match.group().startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in groups)


def _version(match: re.Match[str]) -> str:
    numbers = match.group("numbers").split(".")
    joint = " dot " if len(numbers) == 4 and not match.group("v") else " point "
    return ("version " if match.group("v") else "") + joint.join(numbers)


def _said(word: str) -> Callable[[re.Match[str]], str]:
    return lambda _match: word


_RULES: tuple[_Rule, ...] = (
    (
        re.compile(
            r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufe0f\u20e3]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
        ),
        "",
    ),
    (re.compile(r"[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\U000e0020-\U000e007f]"), " "),
    (re.compile(r"[^\S\n]+"), " "),
    (re.compile(r"\s*\n\s*"), "\n"),
    # Markdown and HTML
    (re.compile(r"^[ \t]*```[^\n]*$|```", re.M), " "),
    (re.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,2000}\)"), r"\1"),
    (re.compile(r"</?[A-Za-z][^<>]{0,200}>"), " "),
    (re.compile(r"^[ \t]*(?:#{1,6}|[-*+•]|>)[ \t]+|^[ \t]*(?:[-*_=][ \t]?){3,}$", re.M), ""),
    (re.compile(r"(?<=\d)[ ]?[*×][ ]?(?=\d)"), " times "),
    (re.compile(r"\*{1,3}|~~|`|(?<!\w)_{1,3}|_{1,3}(?!\w)"), ""),
    (re.compile(r"^[|:\- ]{3,}$|^ ?\| ?| ?\| ?$", re.M), ""),
    (re.compile(r" ?\|"), ","),
    # addresses
    (re.compile(r"\bhttps?://(?P<target>[^\s<>]{1,2000})", re.I), _link),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), _email),
    (re.compile(r"\b(?P<target>www\.[^\s<>]{1,2000})", re.I), _link),
    (
        re.compile(
            rf"(?<![\w.@-])(?P<target>(?:[a-z0-9-]{{1,63}}\.){{1,4}}(?:{_WELL_KNOWN_ENDINGS})(?:/[^\s<>]*)?)(?![\w])",
            re.I,
        ),
        _link,
    ),
    # money and numbers
    (re.compile(r"\b(?:US|CA|AU|NZ)(?=\$\d)"), ""),
    (re.compile(r"(?<![\d.,$€£])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)\s?([€£])"), r"\2\1"),
    (re.compile(r"(\d)\s?(?:EUR)\b"), r"\1 euros"),
    (re.compile(r"\b24/7\b"), "twenty-four seven"),
    (re.compile(r"(?<![\w.,-])(?:\d{4}[ -]){2,5}\d{1,4}(?![\w-])"), _digits),
    (re.compile(r"(?<![\w.])(?:\+\d{1,3}[ -]?)?(?:\(\d{2,4}\)[ -]?|\d{2,4}[ -])\d{3,4}[ -]\d{3,4}(?![\w-])"), _digits),
    (re.compile(r"(?<![\w.])\+\d{7,15}(?![\w])|(?<![\w.])\d{3}\.\d{3}\.\d{4}(?![\w.])"), _digits),
    (re.compile(r"(?<![\w.,:/$€£-])(?:\d{7,}|0\d{1,6})(?![\w%]|[.,:/-]\d)"), _digits),
    (re.compile(r"(?<![\w.])(?P<v>[vV]\.?)?(?P<numbers>\d{1,6}(?:\.\d{1,6}){2,7})(?![\w])"), _version),
    (re.compile(r"\bv(?=\d)"), "version "),
    (re.compile(r"(\d)['′][ ]?(\d{1,2})[\"″]"), r"\1 foot \2"),
    (re.compile(r"(\d[ ]?[ap]\.?m\.?)[ ]?[-–—][ ]?(?=\d)", re.I), r"\1 to "),
    (re.compile(r"(?<![\w)\]])[-−](?=\d)"), "minus "),
    (re.compile(r"(?<=\d) ?(?=[½¼¾⅓⅔])"), " and"),
    (re.compile(r"[½¼¾⅓⅔]"), lambda match: f" {_HALVES[match.group()]}"),
    # words and symbols
    (re.compile(r"\be\.g\.,?", re.I), _said("for example,")),
    (re.compile(r"\bi\.e\.,?", re.I), _said("that is,")),
    (re.compile(r"\bw/(?=\s)"), "with"),
    (re.compile(r"[~≈](?=[ ]?[\d$€£])"), "about "),
    (re.compile(r"±"), " plus or minus "),
    (re.compile(r"÷"), " divided by "),
    (re.compile(r"≤"), " at most "),
    (re.compile(r"≥"), " at least "),
    (re.compile(r"≠"), " is not "),
    (re.compile(r" ?[→⇒] ?|[ ]+-{1,3}[ ]+|-{2,3}"), " — "),
    (re.compile(r"#(?=[A-Z]{0,4}\d)"), "number "),
    (re.compile(r"(?<=[a-zA-Z]{3})/(?=[a-zA-Z]{2})"), " "),
    (re.compile(r"[\[\]{}<>\\^~_]"), " "),
    (re.compile(r"[™®©]"), ""),
    (re.compile(r"([!?])[!?]+"), r"\1"),
    (re.compile(r"\.{4,}"), "..."),
    (re.compile(r"\s+"), " "),
    (re.compile(r" (?=[,.;:!?](?:\s|$))"), ""),
)
