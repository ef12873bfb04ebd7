"""From the last voiced sample sent to the first audible sample received: our platform and Pipecat, same models, same run.

    python bench/latency/run.py [--questions 24] [--only ours|peer] [--url ws://... --key-env NAME] [--out FOLDER]

Questions are spoken in real time, turn about, never two at once. Without --url the platform is started on free ports with an
empty data folder; with it (and a key in the environment variable that --key-env names) a running one is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import launch
import ours
import peer
from questions import Question, questions
from report import Run, printed, written
from sound import Answer

SETTLE_S = 1.0
"""Rest between two questions, so that what the last one left running does not load the next."""
Ask = Callable[[Question], Awaitable[Answer]]


def main() -> None:
    wanted = _arguments()
    asked = questions(wanted.questions)
    if not asked:
        raise SystemExit("no recordings: set VOICEAGENT_DATA")
    with contextlib.ExitStack() as running:
        askers: dict[str, Ask] = {}
        if wanted.only != "peer":
            url, key = (
                (wanted.url, os.environ[wanted.key_env]) if wanted.url else running.enter_context(launch.platform())
            )
            askers["ours"] = lambda question: ours.ask(url, key, question)
        if wanted.only != "ours":
            peer_url = running.enter_context(launch.peer())
            askers["peer"] = lambda question: peer.ask(peer_url, question)
        run = asyncio.run(_measured(askers, asked))
        results = printed(run)
        written(results, run, wanted.out)


async def _measured(askers: dict[str, Ask], asked: list[Question]) -> Run:
    """One unmeasured question each, then every question to each, the first to go changing."""
    run: Run = {who: [] for who in askers}
    for ask in askers.values():
        await ask(asked[0])
        await asyncio.sleep(SETTLE_S)
    for number, question in enumerate(asked):
        order = list(askers.items())
        for who, ask in order if number % 2 == 0 else order[::-1]:
            answer = await ask(question)
            run[who].append((question.name, answer))
            print(_line(who, question, answer), flush=True)
            await asyncio.sleep(SETTLE_S)
    return run


def _line(who: str, question: Question, answer: Answer) -> str:
    if answer.early:
        outcome = "cut in on the caller"
    elif answer.received_ms is None:
        outcome = "no answer"
    else:
        outcome = f"{answer.received_ms:5.0f} ms, heard {answer.heard_ms:5.0f} ms"
    return f"{who:<5} {question.name:<24} {question.seconds:4.1f} s  {outcome}  {answer.heard_words[:60]}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--only", choices=("ours", "peer"))
    parser.add_argument("--url", help="realtime URL of a running platform")
    parser.add_argument("--key-env", default="VOICEAGENT_API_KEY")
    parser.add_argument("--out", type=Path, default=Path(".cache/bench/latency"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
