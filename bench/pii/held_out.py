"""The set that nobody tuned on: reads `held_out.txt` beside it into samples."""

from __future__ import annotations

import re
from pathlib import Path

from bench.pii.labelled import Label, Sample

_MARK = re.compile(r"<<(\w+):(.*?)>>")


def samples() -> list[Sample]:
    """Every line with its labels."""
    found = []
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            found.append(_sample(line))
    return found


def _sample(line: str) -> Sample:
    text, labels, at = "", [], 0
    for mark in _MARK.finditer(line):
        text += line[at : mark.start()]
        labels.append(Label(mark[1], len(text), len(text) + len(mark[2])))
        text, at = text + mark[2], mark.end()
    return Sample(text + line[at:], tuple(labels))
