"""How well personal data is found, and how fast.

    python -m bench.pii.run [--data DIR] [--seed 7] [--rounds 40] [--misses]

DIR holds `safety/pii.jsonl` and texts to look for false alarms in (`qa/*/corpus.jsonl`); default: $VOICEAGENT_DATA or ../shared/data.
What it does not find there is left out. Made texts need no data.
"""

from __future__ import annotations

import argparse
import json
import os
import pkgutil
import re
import time
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from statistics import median

from bench.pii import held_out, made, names
from bench.pii.labelled import Sample, read, score, table

from voiceagent.domain import pii
from voiceagent.domain.pii.find import find
from voiceagent.domain.pii.replace import replace

KIB_100 = 100 * 1024
HOSTILE = (
    "a", "1", "1 ", "1-", "a ", "A ", "Aa ", "a.", "a@", "@", "1.", "1:", ":", "(1)", "+1 ", "one ", "oh ", "double ", "at ", "dot ", "a at b dot com ",
    "my name is ", "1 Ab Cd ", "12 main ", "apt 5 ", "u://a:", "http://a:b", "?key=", "GB12 ", "GB12A1B2C3D4E5F6", "bc1q", "born ", "born on 1.", "passport ",
    "passport a1", "\n", "'", "a'", "a-", "é", "E S ", "Van der ", "4111 1111 1111 1111 ", "John Smith ", "555-123-4567 ", "a@b.co ",
    "123-45-6789, ", "one uh ",
    "twenty ", "hundred ", "quatre vingt ", "1/2/", "rue a ", "calle a b c d ", "straße ", "IN 20",
)  # fmt: skip
TURN = (
    "Hello, I would like to change my contract, please. My name is Anna Kowalska, I moved last month and I still get letters at the old address. "
    "The new one is 12 Baker Street, and you can reach me at four one five, five five five, two six seven one, or write to anna dot k at example dot com. "
) * 4


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path, default=Path(os.environ.get("VOICEAGENT_DATA", "../shared/data")))
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--rounds", type=int, default=40)
    options.add_argument(
        "--misses", action="store_true", help="list what was missed and what was wrong in the made texts"
    )
    given, _ = options.parse_known_args()
    labelled(given.data / "safety" / "pii.jsonl")
    shown("held out: written before it was run, by who had not read the rules", held_out.samples(), misses=given.misses)
    shown("made texts, five languages, written and said", made.samples(given.seed, given.rounds), misses=given.misses)
    shown("made texts with names, most of them in no list", names.samples(given.seed, 1_000), misses=given.misses)
    false_alarms(given.data)
    times()
    patterns()


def labelled(file: Path) -> None:
    if not file.exists():
        print(f"{file} is not there: labelled texts left out\n")
        return
    samples = read(file)
    shown("labelled texts, first half (every other line, looked at while the rules were written)", samples[0::2])
    shown("labelled texts, second half (not read)", samples[1::2])
    shown("labelled texts, all", samples)


def shown(title: str, samples: list[Sample], *, misses: bool = False) -> None:
    listed: list[tuple[str, str, str]] = []
    print(f"## {title}: {len(samples)} texts, {sum(len(sample.asked) for sample in samples)} labels\n")
    print(table(score(samples, listed)) + "\n")
    for miss in listed if misses else ():
        print("   ", *map(repr, miss))


def false_alarms(data: Path) -> None:
    for file in sorted(data.glob("qa/*/corpus.jsonl")):
        count: Counter[str] = Counter()
        words = 0
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            text = str(row.get("text") or "")
            words += len(text.split())
            count.update(span.kind for span in find(text))
            if words > 30_000:
                break
        if words:
            rates = ", ".join(f"{kind} {number / words * 1000:.2f}" for kind, number in count.most_common())
            print(f"found in {file.parent.name}, a 1,000 words ({words} words): {rates or 'nothing'}")
    print()


def times() -> None:
    words = len(TURN.split())
    for name, work in (("find", find), ("replace", lambda text: replace(text, "pseudonym", key=b"k" * 32))):
        work(TURN)
        spent = sorted(_ms(work, TURN) for _ in range(100))
        print(f"{name}, a turn of {words} words: p50 {median(spent):.2f} ms, p95 {spent[94]:.2f} ms of processor time")


def patterns() -> None:
    """Every compiled pattern on 100 KiB of what could trouble it; then everything together."""
    slowest = max(
        (min(_ms(_all, (pattern, text)) for _ in range(3)), name, unit)
        for name, pattern in compiled()
        for unit, text in hostile()
    )
    print(f"slowest pattern on 100 KiB: {slowest[1]} on {slowest[2]!r} repeated: {slowest[0]:.1f} ms")
    whole = sorted(((_ms(find, text), unit) for unit, text in hostile()), reverse=True)
    print(
        f"find on 100 KiB: median {median(ms for ms, _ in whole):.0f} ms, slowest {whole[0][0]:.0f} ms ({whole[0][1]!r} repeated)"
    )


def compiled() -> Iterator[tuple[str, re.Pattern[str]]]:
    for module in pkgutil.walk_packages(pii.__path__, f"{pii.__name__}."):
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{module.name.rpartition('.')[2]}.{name}", value


def hostile() -> Iterator[tuple[str, str]]:
    return ((unit, (unit * (KIB_100 // len(unit) + 1))[:KIB_100]) for unit in HOSTILE)


def _all(what: tuple[re.Pattern[str], str]) -> None:
    for _ in what[0].finditer(what[1]):
        pass


def _ms(work: object, given: object) -> float:
    begun = time.process_time()
    work(given)  # type: ignore[operator]
    return (time.process_time() - begun) * 1000


if __name__ == "__main__":
    main()
