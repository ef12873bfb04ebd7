"""SIGTERM at random moments under load: everything acknowledged is kept, and no process hangs.

    python bench/durability/terminate.py [--rounds 100]

The embedded profile under the clients of kill.py. Each round sends SIGTERM at a random moment of the process's life, every fourth one while
it still starts, every fifth one followed by a second SIGTERM while it drains. Prints rounds, then how processes ended: drained (exit 0),
before they had begun to serve (the signal itself), at the second signal (exit 130), hung (they had to be killed), and the verdict of kill.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.durability.kill import STARTS_IN_S, Killable, embedded, served
from bench.durability.load import Load
from voiceagent.apps.run import EXIT_AT_ONCE

DRAIN_S = 10.0
HUNG_S = DRAIN_S + 20.0
AT_ONCE_S = 5.0
SECOND_EVERY = 5
STARTING_EVERY = 4


def ended(killable: Killable, chance: random.Random, *, twice: bool) -> tuple[str, float]:
    """Send SIGTERM, perhaps a second one; how the process ended, and after how many seconds."""
    process = killable.alone
    assert process is not None
    process.send_signal(signal.SIGTERM)
    begun_s, within_s = time.monotonic(), HUNG_S
    if twice:
        time.sleep(chance.uniform(0.0, 0.3))
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        within_s = AT_ONCE_S
    try:
        code = process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "hung", time.monotonic() - begun_s
    known = {0: "drained", EXIT_AT_ONCE: "at the second signal", -signal.SIGTERM: "before it served"}
    return known.get(code, f"with code {code}"), time.monotonic() - begun_s


def drill(killable: Killable, rounds: int, minutes: float) -> bool:
    """End so many times, then judge; whether nothing was lost and nothing hung."""
    chance, begun_s = random.Random(12), time.monotonic()
    outcomes: Counter[str] = Counter()
    longest_s = 0.0
    load = Load(killable.target)
    load.start()
    for number in range(1, rounds + 1):
        if time.monotonic() > begun_s + 60 * minutes:
            break
        if number % STARTING_EVERY == 0:
            time.sleep(chance.uniform(0.0, STARTS_IN_S))
        else:
            killable.await_ready("all")
            served(load)
            time.sleep(chance.uniform(0.05, 0.6))
        outcome, took_s = ended(killable, chance, twice=number % SECOND_EVERY == 0)
        outcomes[outcome] += 1
        longest_s = max(longest_s, took_s)
        killable.start_alone()
        print(f"  round {number}: {outcome} after {took_s:.1f} s; {load.told()}", flush=True)
    killable.await_ready("all")
    load.stop()
    verdict = asyncio.run(load.judged(killable.environment))
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    print(f"{sum(outcomes.values())} SIGTERMs: {told}; longest end {longest_s:.1f} s; {verdict}", flush=True)
    odd = [one for one in outcomes if one == "hung" or one.startswith("with code")]
    return verdict.is_good and not odd


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no further round after so long")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the installation ends with the drill
    with embedded(VOICEAGENT_SERVER__DRAIN_S=str(DRAIN_S)) as killable:
        good = drill(killable, wanted.rounds, wanted.minutes)
    print("nothing lost, nothing hung" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
