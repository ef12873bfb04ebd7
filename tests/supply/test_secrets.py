"""No secret stands in the files of the repository, nor in any commit of its history. What only looks like one: supply/secrets.toml."""

from __future__ import annotations

import hashlib
import math
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]

# Rules of our own rather than a package: most scanners look at files alone, and a secret taken out of a file stays in its history.
# Each begins with words that are looked for first, so that megabytes cost milliseconds.
RULES: dict[str, tuple[tuple[str, ...], re.Pattern[str]]] = {
    "private key": (
        ("-----BEGIN ",),
        re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s)*[A-Za-z0-9+/]{40}"),
    ),
    "AWS key": (("AKIA", "ASIA"), re.compile(r"A[KS]IA[0-9A-Z]{16}(?![0-9A-Z])")),
    "GitHub token": (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}"),
    ),
    "GitLab token": (("glpat-",), re.compile(r"glpat-[A-Za-z0-9_-]{20,}")),
    "Slack token": (("xox",), re.compile(r"xox[abprs]-[A-Za-z0-9-]{20,}")),
    "Google key": (("AIza",), re.compile(r"AIza[0-9A-Za-z_-]{35}")),
    "model provider key": (("sk-",), re.compile(r"sk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{32,}")),
    "payment key": (("sk_live_", "rk_live_"), re.compile(r"[rs]k_live_[A-Za-z0-9]{20,}")),
    "hub token": (("hf_",), re.compile(r"hf_[A-Za-z]{34}(?![A-Za-z])")),
    "package index token": (("pypi-AgEIcH", "npm_"), re.compile(r"pypi-AgEIcH[A-Za-z0-9_-]{40,}|npm_[A-Za-z0-9]{36}")),
    "Vault token": (("hvs.", "hvb."), re.compile(r"hv[sb]\.[A-Za-z0-9_-]{24,}")),
    "signed token": (
        ("eyJ",),
        re.compile(r"eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{30,}"),
    ),
    "key of this platform": (("va_",), re.compile(r"va_[0-9a-hjkmnp-tv-z]{40}")),
    "password in a URL": (
        ("postgres://", "postgresql://", "mysql://", "redis://", "rediss://", "amqp://", "mongodb://", "https://"),
        re.compile(r"[a-z]+://[A-Za-z0-9_.-]+:(?![$<{*])([A-Za-z0-9_!-]{12,})@"),
    ),
}
_ASSIGNED = re.compile(r"""[:=]\s{0,3}(?:SecretStr\()?["']?([A-Za-z0-9+/_=.-]{20,200})(?=["'\s]|$)""", re.MULTILINE)
_NAMED = re.compile(
    r"(?:passw|secret|token|api_?key|private_?key|credential)[\w\"'\])]*\s*(?::\s*[\w\[\]| ]+)?$", re.IGNORECASE
)
_LEAST_BITS = 3.7
"""Of entropy in a character: random letters and digits of twenty places have 4 and more, words and names of settings less than 3.7."""
_LONGEST_LINE = 20_000


def looks(text: str) -> Iterator[tuple[str, str]]:
    """What looks like a secret: (rule, the value)."""
    for name, (beginnings, rule) in RULES.items():
        for beginning in beginnings:
            at = text.find(beginning)
            while at >= 0:
                match = rule.match(text, at)
                if match and not (at and (text[at - 1].isalnum() or text[at - 1] in "_-")) and len(set(match[0])) > 10:
                    yield name, match[0]
                at = text.find(beginning, at + len(beginning))
    for match in _ASSIGNED.finditer(text):
        line = text[max(text.rfind("\n", 0, match.start()) + 1, match.start() - 60) : match.start()]
        if _NAMED.search(line) and _is_random(match[1]):
            yield "assigned", match[1]


def _is_random(value: str) -> bool:
    """Letters and figures mixed, and many different ones."""
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= _LEAST_BITS and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def mark(value: str) -> str:
    """By which a value stands in the list of those that are no secrets: the list holds none itself."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


@cache
def allowed() -> dict[str, str]:
    """Marks of values that are no secrets, with the reason."""
    told = tomllib.loads((TOP / "supply/secrets.toml").read_text(encoding="utf-8"))
    return {one: reason for reason, marks in told["allowed"].items() for one in marks}


def found(text: str) -> set[tuple[str, str, str]]:
    """(rule, beginning, mark) of what looks like a secret and is not allowed."""
    return {(rule, value[:12], mark(value)) for rule, value in looks(text) if mark(value) not in allowed()}


def _git(*arguments: str) -> str:
    told = subprocess.run(["git", *arguments], cwd=TOP, capture_output=True, timeout=400, check=False)
    if told.returncode:
        pytest.skip("missing: the repository's history (not a git checkout)")
    return told.stdout.decode("utf-8", "replace")


@cache
def _files() -> dict[str, str]:
    paths = {name: TOP / name for name in _git("ls-files", "-z").split("\0") if name}
    return {
        name: path.read_bytes().decode("utf-8", "replace")
        for name, path in paths.items()
        if path.is_file() and path.stat().st_size < 2_000_000
    }


@cache
def _added() -> str:
    """Every line that any commit ever added."""
    history = _git("log", "--all", "-p", "--no-color", "--no-textconv", "--no-ext-diff", "--unified=0", "--format=")
    return "\n".join(line[1:] for line in history.splitlines() if line[:1] == "+" and len(line) < _LONGEST_LINE)


def test_no_file_holds_a_secret() -> None:
    assert {name: secrets for name, text in _files().items() if (secrets := found(text))} == {}


def test_no_commit_ever_held_one() -> None:
    assert found(_added()) == set()


def test_the_list_of_those_that_are_none_is_not_longer_than_needed() -> None:
    met = {mark(value) for text in (_added(), *_files().values()) for _, value in looks(text)}
    assert set(allowed()) <= met


SECRETS = {
    "AWS key": "AKIA" + "QZ7WX3PLM9KD2RTV",
    "GitHub token": "ghp_" + "q7Wz9RkT3mVx8PbN2cLd5HfJ6sGyKa4UeQo1",
    "GitLab token": "glpat-" + "q7Wz9RkT3mVx8PbN2cLd",
    "Slack token": "xoxb-" + "q7Wz9RkT3mVx8PbN2cLd5HfJ",
    "Google key": "AIza" + "q7Wz9RkT3mVx8PbN2cLd5HfJ6sGyKa4UeQo",
    "model provider key": "sk-proj-" + "q7Wz9RkT3mVx8PbN2cLd5HfJ6sGyKa4U",
    "payment key": "sk_live_" + "q7Wz9RkT3mVx8PbN2cLd5HfJ",
    "hub token": "hf_" + "qaWzbRkTcmVxdPbNecLdfHfJgsGyKahUeQ",
    "package index token": "npm_" + "q7Wz9RkT3mVx8PbN2cLd5HfJ6sGyKa4UeQo1",
    "Vault token": "hvs." + "q7Wz9RkT3mVx8PbN2cLd5HfJ",
    "signed token": "eyJhbGciOiJFZERTQSJ9xQ" + ".eyJzdWIiOiJ1c3JfOTgzIn0K." + "q7Wz9RkT3mVx8PbN2cLd5HfJ6sGyKa4UeQo1",
    "key of this platform": "va_" + "kgzn0kt5mf6hcwbbge3pm9p7zr78pya01fqa0qcw",
    "password in a URL": "postgresql://voice:" + "hV9-kQ2_mZ7wXp@db:5432/x",
    "private key": "-----BEGIN PRIVATE" + " KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg",
    "assigned": 'TOKEN_SECRET: str = "' + 'q7Wz9RkT3mVx8PbN2cLd5HfJ"',
}


def test_every_rule_has_an_instance() -> None:
    assert set(SECRETS) == {*RULES, "assigned"}


@pytest.mark.parametrize("rule", SECRETS)
def test_each_kind_of_secret_is_noticed(rule: str) -> None:
    assert rule in {name for name, _, _ in found(f"value = 1\nkey: {SECRETS[rule]}\n")}
