"""Answers from documents with the embedded models only: right, cited right, refused when the documents do not say; beside the same model alone.

    python -m bench.qa.run [--data DIR] [--every 1] [--plain 120 77] [--read 8 4] [--json FILE]

DIR holds `qa/xquad-en` (default: $VOICEAGENT_DATA or ../shared/data). Articles are split in two halves by name: the first chooses the one
threshold of the gate, the second is the report. --every n: only each n-th question. The small model alone (no documents) answers so many
questions that documents answer and so many that they do not (--plain), and the small model that reads passages so many (--read), spread
evenly over the articles.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from bench.qa.score import Answer, below, chosen, holds, refuses
from bench.qa.world import ASKER, HALF, Question, World, data_folder, questions, request, world

from voiceagent.domain.document import SearchQuery
from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import ReplyCitation, ReplyText
from voiceagent.engine.grounding.judge import SURE, Judge
from voiceagent.engine.reply import EngineService
from voiceagent.engine.retrieve import RetrievalBudget

Asked = list[tuple[Question, Answer]]


async def scores(run: World, asked: Sequence[Question]) -> dict[Question, float]:
    """How surely the best sentence answers each question."""
    judge = Judge(run.embedder)
    found = {}
    for question in asked:
        caller = Principal(question.tenant, ASKER, frozenset({"documents:read"}), "service")
        passages = await run.documents.search(
            caller, SearchQuery(question.text, RetrievalBudget().limit, deadline_s=30.0)
        )
        verdict = await judge.verdict(question.text, passages, within_s=30.0)
        found[question] = verdict.best.score if verdict.best else 0.0
    return found


async def answers(engine: EngineService, asked: Sequence[Question], *, spoken: bool) -> Asked:
    """What the engine says to each question."""
    found = []
    for question in asked:
        began = time.perf_counter()
        words: list[str] = []
        citations = []
        async with aclosing(engine.reply(request(question, spoken=spoken))) as events:
            async for event in events:
                if isinstance(event, ReplyText):
                    words.append(event.text)
                elif isinstance(event, ReplyCitation):
                    citations.append(event.citation)
        ms = (time.perf_counter() - began) * 1000
        # An extracted answer names its source first; a title that happens to be the answer does not count.
        said = words[1:] if citations and len(words) == 2 and words[0].endswith(": ") else words
        found.append((question, Answer("".join(said), tuple(citations), ms)))
    return found


def figures(asked: Asked) -> dict[str, Any]:
    """Shares over these answers; None where no question asks for it."""
    answerable = [(q, a) for q, a in asked if q.answers]
    cited = [(q, a) for q, a in answerable if a.citations]
    off_topic = [a for q, a in asked if not q.answers and q.tenant != HALF]
    near = [a for q, a in asked if q.tenant == HALF]
    times = sorted(a.ms for _, a in asked)
    lengths = [len(a.said.split()) for _, a in answerable if not refuses(a.said)]
    return {
        "answerable": len(answerable),
        "answered_right": share(answerable, lambda q, a: holds(a.said, q.answers)),
        "falsely_refused": share(answerable, lambda _q, a: refuses(a.said)),
        "cited_right_of_cited": share(cited, lambda q, a: any((c.title, c.page) == (q.title, q.page) for c in a.citations)),
        "cited_right_of_all": share(answerable, lambda q, a: any((c.title, c.page) == (q.title, q.page) for c in a.citations)),
        "off_topic": len(off_topic),
        "off_topic_refused": share([(None, a) for a in off_topic], lambda _q, a: refuses(a.said)),
        "near": len(near),
        "near_refused": share([(None, a) for a in near], lambda _q, a: refuses(a.said)),
        "words_an_answer": round(statistics.mean(lengths), 1) if lengths else None,
        "ms_p50": round(times[len(times) // 2], 1),
        "ms_p95": round(times[int(len(times) * 0.95)], 1),
    }  # fmt: skip


def share(asked: Sequence[tuple[Any, Answer]], right: Callable[[Any, Answer], bool]) -> float | None:
    return round(sum(right(question, answer) for question, answer in asked) / len(asked), 3) if asked else None


def halves(asked: Sequence[Question]) -> tuple[set[str], set[str]]:
    """Articles by name, in two halves; the topics of the unanswerable questions too."""
    known = sorted({q.article for q in asked if q.answers})
    missing = sorted({q.article for q in asked} - set(known))
    first = set(known[: len(known) // 2]) | set(missing[: len(missing) // 2])
    return first, ({*known, *missing} - first)


def spread(asked: Sequence[Question], answerable: int, others: int) -> list[Question]:
    """So many questions that the documents answer, and so many off their topic, at even distances."""
    return [
        one
        for kind, count in (
            ([q for q in asked if q.answers], answerable),
            ([q for q in asked if not q.answers], others),
        )
        for one in (kind[at * len(kind) // min(count, len(kind))] for at in range(min(count, len(kind))))
    ]


def threshold(found: dict[Question, float], half: set[str]) -> dict[str, Any]:
    """What this half of the articles would choose, and how its scores lie."""
    of = {q: score for q, score in found.items() if q.article in half}
    answerable = [score for q, score in of.items() if q.answers]
    off_topic = [score for q, score in of.items() if not q.answers and q.tenant != HALF]
    near = [score for q, score in of.items() if q.tenant == HALF]
    at = chosen(answerable, off_topic, near)
    return {
        "chosen": at,
        "falsely_refused": round(below(answerable, at), 3),
        "off_topic_refused": round(below(off_topic, at), 3),
        "near_refused": round(below(near, at), 3),
    }


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    folder = data_folder(options.data)
    asked = questions(folder)[:: options.every]
    first, second = halves(asked)
    with tempfile.TemporaryDirectory() as scratch:
        async with world(folder, Path(scratch)) as run:
            report: dict[str, Any] = {"threshold_in_use": SURE}
            found = await scores(run, asked)
            report["threshold_of_first_half"] = threshold(found, first)
            told = await answers(run.engine("extract"), asked, spoken=False)
            for name, half in (("first_half", first), ("second_half", second)):
                report[f"extracted_{name}"] = figures([one for one in told if one[0].article in half])
            report["extracted_all"] = figures(told)
            distinct = [q for q in asked if q.tenant != HALF]
            alone = spread(distinct, *options.plain)
            if alone:
                report["model_alone"] = figures(await answers(run.engine(with_documents=False), alone, spoken=True))
                report["extracted_on_the_same"] = figures([one for one in told if one[0] in set(alone)])
            reading = spread(distinct, *options.read)
            if reading:
                report["model_reads_passages"] = figures(await answers(run.engine("generate"), reading, spoken=True))
                report["extracted_on_those_read"] = figures([one for one in told if one[0] in set(reading)])
            return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--plain", type=int, nargs=2, default=[120, 77], metavar=("ANSWERABLE", "OTHERS"))
    parser.add_argument("--read", type=int, nargs=2, default=[8, 4], metavar=("ANSWERABLE", "OTHERS"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = asyncio.run(measure(options))
    for name, told in report.items():
        print(f"{name}: {told}" if not isinstance(told, dict) else name)
        if isinstance(told, dict):
            print("   " + "  ".join(f"{key} {value}" for key, value in told.items()))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
