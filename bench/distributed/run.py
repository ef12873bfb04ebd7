"""A spoken turn in the distributed profile beside the embedded one: same models, same questions, same run, turn about.

    python bench/distributed/run.py [--questions 12]

Distributed: one process a service, found through the register in Redis, on a real PostgreSQL, Redis and MinIO of this machine.
Prints what each answer took from the last voiced sample sent to the first audible sample received, and the difference.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "bench" / "latency")]

import launch  # noqa: E402 - lies in the folder of the benchmark that this one repeats
import ours  # noqa: E402
from questions import Question, questions  # noqa: E402
from sound import Answer  # noqa: E402
from tests.support.apart import Apart  # noqa: E402
from tests.support.servers import fresh_database, minio_server, postgresql_server, redis_server  # noqa: E402

SERVICES = ("gateway", "engine", "voice", "documents", "worker")
SETTLE_S = 1.0
STAGES = ("transcript_ms", "committed_ms", "first_token_ms", "first_clause_ms", "first_audio_ms")
GOAL_MS = 80.0


@contextlib.contextmanager
def distributed() -> Iterator[tuple[str, str]]:
    """One process a service; yields the realtime URL and an API key."""
    with (
        tempfile.TemporaryDirectory() as folder,
        postgresql_server() as database,
        redis_server() as (redis, _),
        minio_server() as objects,
    ):
        settings = {
            "VOICEAGENT_STORE__URL": fresh_database(database, "bench"),
            "VOICEAGENT_CACHE__URL": redis,
            "VOICEAGENT_BUS__URL": redis,
            "VOICEAGENT_DISCOVERY__URL": redis,
            "VOICEAGENT_BLOBS__URL": objects,
            "VOICEAGENT_VECTORS__URL": f"local://{folder}/vectors",
            "VOICEAGENT_MODELS__DIR": str(launch.models_root()),
        }
        apart = Apart(Path(folder), settings)
        try:
            apart.init()
            apart.start(*SERVICES)
            yield f"ws://127.0.0.1:{apart.running['gateway'].port}/v1/realtime?model=default", apart.api_key
        finally:
            apart.close()


async def measured(stands: dict[str, tuple[str, str]], asked: list[Question]) -> dict[str, list[Answer]]:
    """One unmeasured question each, then every question to each, the first to go changing."""
    answers: dict[str, list[Answer]] = {name: [] for name in stands}
    for url, key in stands.values():
        await ours.ask(url, key, asked[0])
        await asyncio.sleep(SETTLE_S)
    for number, question in enumerate(asked):
        order = list(stands.items())
        for name, (url, key) in order if number % 2 == 0 else order[::-1]:
            answer = await ours.ask(url, key, question)
            answers[name].append(answer)
            took = "no answer" if answer.received_ms is None else f"{answer.received_ms:5.0f} ms"
            print(f"{name:<12} {question.name:<24} {took}", flush=True)
            await asyncio.sleep(SETTLE_S)
    return answers


def shown(answers: dict[str, list[Answer]]) -> None:
    """Only questions that both answered count, and their differences question by question."""
    pairs = [
        (one, other)
        for one, other in zip(answers["embedded"], answers["distributed"], strict=True)
        if one.received_ms is not None and other.received_ms is not None
    ]
    if not pairs:
        raise SystemExit("no question was answered by both")
    print(
        f"\n{len(pairs)} of {len(answers['embedded'])} questions answered by both; ms from the end of speech, p50 (p95)"
    )
    print(f"{'':<22}{'embedded':>16}{'distributed':>16}{'difference p50':>16}")
    _row("first sound received", [(one.received_ms or 0.0, other.received_ms or 0.0) for one, other in pairs])
    for stage in STAGES:
        known = [
            (a.stages_ms[stage], b.stages_ms[stage]) for a, b in pairs if stage in a.stages_ms and stage in b.stages_ms
        ]
        if known:
            _row(stage.removesuffix("_ms"), known)
    medians = [
        statistics.median(side) for side in zip(*((a.received_ms, b.received_ms) for a, b in pairs), strict=True)
    ]
    added = medians[1] - medians[0]
    print(
        f"the distributed profile adds {added:.0f} ms at p50 (goal: {GOAL_MS:.0f} ms or less): {'met' if added <= GOAL_MS else 'not met'}"
    )


def _row(name: str, pairs: list[tuple[float, float]]) -> None:
    sides = ["{:6.0f} ({:6.0f})".format(*_p50_p95([pair[side] for pair in pairs])) for side in (0, 1)]
    difference = statistics.median(other - one for one, other in pairs)
    print(f"{name:<22}{sides[0]:>16}{sides[1]:>16}{difference:>16.0f}")


def _p50_p95(values: list[float]) -> tuple[float, float]:
    ranked = sorted(values)
    return statistics.median(ranked), ranked[min(len(ranked) - 1, round(0.95 * (len(ranked) - 1)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=12)
    asked = questions(parser.parse_args().questions)
    if not asked:
        raise SystemExit("no recordings: set VOICEAGENT_DATA")
    with launch.platform() as embedded, distributed() as apart:
        shown(asyncio.run(measured({"embedded": embedded, "distributed": apart}, asked)))


if __name__ == "__main__":
    main()
