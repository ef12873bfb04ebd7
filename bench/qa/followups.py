"""Questions that lean on the one before, asked with and without it, side by side in one run; and questions that only come after another.

    python -m bench.qa.followups [--data DIR] [--json FILE]

`followups.jsonl` words 40 questions of xquad-en anew, as they are asked after a first one ("And to the west?"); the rules were adjusted on
them. `followups_heldout.jsonl` are 40 others, of other paragraphs, written before anybody looked at their answers. `leaning`: the search and
the judge get what engine/grounding/followup.py makes of both; `alone`: the last words only. The control asks questions as they stand after
one about another article: there the conversation must change nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.qa.score import holds, refuses
from bench.qa.world import WHOLE, Question, data_folder, questions, request, world

from voiceagent.domain.conversation import Citation, Message
from voiceagent.domain.reply import ReplyCitation, ReplyText
from voiceagent.engine.grounding.followup import question_of
from voiceagent.engine.reply import EngineService

CONTROL_EVERY = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is worded after `first`."""

    first: str
    text: str
    target: Question


async def answer(engine: EngineService, said: Sequence[str], target: Question) -> tuple[str, tuple[Citation, ...]]:
    """What the engine says to the last of `said`; the answers in between do not count."""
    asked = replace(request(target, spoken=False), messages=tuple(Message("user", one) for one in said))
    words: list[str] = []
    cited: list[Citation] = []
    async with aclosing(engine.reply(asked)) as events:
        async for event in events:
            if isinstance(event, ReplyText):
                words.append(event.text)
            elif isinstance(event, ReplyCitation):
                cited.append(event.citation)
    return "".join(words[1:] if cited else words), tuple(cited)


async def figures(engine: EngineService, asked: Sequence[Asked], *, with_first: bool) -> dict[str, Any]:
    right, paged, refused = 0, 0, 0
    for one in asked:
        said, cited = await answer(engine, [one.first, one.text] if with_first else [one.text], one.target)
        right += holds(said, one.target.answers)
        paged += any((c.title, c.page) == (one.target.title, one.target.page) for c in cited)
        refused += refuses(said)
    total = len(asked)
    return {
        "questions": total,
        "answered_right": round(right / total, 3),
        "cited_right_of_all": round(paged / total, 3),
        "refused": round(refused / total, 3),
    }


def sets(folder: Path, name: str) -> tuple[list[Asked], list[Asked], list[Asked]]:
    """Follow-ups of the file `name`; the same questions in full; and questions after one about something else."""
    known = [json.loads(line) for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = {entry["id"]: entry["text"] for entry in known}
    whole = [one for one in questions(folder) if one.tenant == WHOLE and one.answers]
    by_id = dict(zip((entry["id"] for entry in known), whole, strict=True))
    rows = [json.loads(line) for line in (Path(__file__).parent / f"{name}.jsonl").read_text().splitlines()]
    leaning = [Asked(texts[row["first"]], row["text"], by_id[row["second"]]) for row in rows]
    full = [replace(one, text=one.target.text) for one in leaning]
    control = [
        Asked(before.text, one.text, one)
        for before, one in zip(whole, whole[200:], strict=False)
        if before.article != one.article
    ][::CONTROL_EVERY]
    return leaning, full, control


async def measure(folder: Path) -> dict[str, Any]:
    leaning, full, control = sets(folder, "followups")
    fresh, fresh_full, _ = sets(folder, "followups_heldout")
    changed = sum(question_of([Message("user", one.first), Message("user", one.text)]) != one.text for one in control)
    with tempfile.TemporaryDirectory() as scratch:
        async with world(folder, Path(scratch)) as run:
            engine = run.engine("extract")
            return {
                "follow-ups, alone (before)": await figures(engine, leaning, with_first=False),
                "follow-ups, leaning (after)": await figures(engine, leaning, with_first=True),
                "the same questions in full": await figures(engine, full, with_first=False),
                "held out, alone": await figures(engine, fresh, with_first=False),
                "held out, leaning": await figures(engine, fresh, with_first=True),
                "held out, in full": await figures(engine, fresh_full, with_first=False),
                "control, alone": await figures(engine, control, with_first=False),
                "control, after another question": await figures(engine, control, with_first=True)
                | {"taken for a follow-up": changed},
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = asyncio.run(measure(data_folder(options.data)))
    for name, told in report.items():
        print(f"{name:34}" + "  ".join(f"{key} {value}" for key, value in told.items()))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
