"""Real calls to one process beside the simulation of them: scripted models, one event loop, more and more callers.

    python bench/scale/validate.py [--callers 1,4,8,16,32] [--seconds 20]

Each caller says something, asks for the answer, hears it to its end, waits about a second and goes on. What the simulation is told is measured with
one caller and with 32: core seconds of a turn and of its part before the first sound, time to the first sound, what the idle process takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import numpy as np
import psutil

ROOT = Path(__file__).absolute().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "bench" / "latency")]

import launch  # noqa: E402
from tests.support.apart import SCRIPTED  # noqa: E402

from bench.faults.load import Call, Seen, TurnFailed  # noqa: E402
from bench.scale.measure import written  # noqa: E402
from bench.scale.simulate import Alone, Process, alone  # noqa: E402

PAUSE_S = 1.0
IDLE_S = 5.0
FEW = 32
"""Callers from whom the cost of a turn is taken."""
SETTLED_S = 3.0
"""After so long callers have spread over their turns."""
SETTINGS = SCRIPTED | {
    f"VOICEAGENT_LIMITS__{name}": "1000"
    for name in ("CALLS", "TENANT_CALLS", "SESSIONS", "REQUESTS_PER_S", "REQUEST_BURST")
}


class Timed(Call):
    """A call that notes when the first sound of an answer came, and how long the answer took from there."""

    def __init__(self, client: aiohttp.ClientSession, patience_s: float = 60.0) -> None:
        super().__init__(client, Seen(), patience_s=patience_s)
        self.asked_s: float | None = None
        self.cpu_s: Callable[[], float] | None = None
        self.critical_s: list[float] = []
        self.firsts_s: list[float] = []
        self.holds_s: list[float] = []

    async def turn(self) -> str:
        self.asked_s = time.perf_counter()
        self._asked_cpu_s = self.cpu_s() if self.cpu_s else 0.0
        said = await super().turn()
        self.holds_s.append(time.perf_counter() - self._first_s)
        return said

    async def _event(self) -> dict:  # type: ignore[type-arg]
        told = await super()._event()
        if told["type"] == "response.output_audio.delta" and self.asked_s is not None:
            self._first_s = time.perf_counter()
            self.firsts_s.append(self._first_s - self.asked_s)
            self.asked_s = None
            if self.cpu_s:
                self.critical_s.append(self.cpu_s() - self._asked_cpu_s)
        return told


@dataclass(frozen=True, slots=True)
class Real:
    """What calls to the process met, and what it used."""

    callers: int
    turns: int
    rate: float
    first_ms: tuple[float, float]
    used: float
    hold_s: float
    critical_s: float
    failed: int


async def called(gateway: str, key: str, callers: int, seconds: float, process: psutil.Process) -> Real:
    """`callers` calls for a while."""
    headers, many = {"Authorization": f"Bearer {key}"}, aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=many) as client:
        calls = [Timed(client) for _ in range(callers)]
        for one in calls:
            await one.connect(gateway)
            one.cpu_s = partial(core_s, process) if callers == 1 else None
        draws, failed = np.random.default_rng(3), []
        begun_s = time.perf_counter()

        async def converse(call: Timed) -> None:
            await asyncio.sleep(float(draws.uniform(0, 2 * PAUSE_S)))
            while time.perf_counter() - begun_s < seconds:
                try:
                    await call.turn()
                except TurnFailed:
                    failed.append(call)
                await asyncio.sleep(float(draws.exponential(PAUSE_S)))

        async def window() -> tuple[float, float, int]:
            await asyncio.sleep(SETTLED_S)
            before_s, from_s, done = core_s(process), time.perf_counter(), _answers(calls)
            await asyncio.sleep(seconds - SETTLED_S)
            return core_s(process) - before_s, time.perf_counter() - from_s, _answers(calls) - done

        (used_s, took_s, answers), *_ = await asyncio.gather(window(), *(converse(call) for call in calls))
        for one in calls:
            await one.close()
    print(f"{callers} callers: {took_s:.0f} s", file=sys.stderr, flush=True)
    first = np.concatenate([one.firsts_s for one in calls]) * 1000
    holds = float(np.mean(np.concatenate([one.holds_s for one in calls])))
    p50, p95 = (float(np.percentile(first, share)) for share in (50, 95))
    critical_s = float(np.median([spent for one in calls for spent in one.critical_s])) if callers == 1 else 0.0
    return Real(callers, len(first), answers / took_s, (p50, p95), used_s / took_s, holds, critical_s, len(failed))


def _answers(calls: list[Timed]) -> int:
    return sum(len(one.firsts_s) for one in calls)


def core_s(process: psutil.Process) -> float:
    """CPU seconds of all threads of the process so far, to the microsecond."""
    spent = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def shown(pairs: list[tuple[Real, Alone]]) -> None:
    """Both side by side."""
    print(
        "| callers | turns/s real | simulated | of a core | simulated | first sound p50 real | simulated | p95 real | simulated |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for real, model in pairs:
        print(
            f"| {real.callers} | {real.rate:.2f} | {model.rate:.2f} | {real.used:.2f} | {model.used:.2f} | {real.first_ms[0]:.0f} ms | "
            f"{model.first_ms[0]:.0f} ms | {real.first_ms[1]:.0f} ms | {model.first_ms[1]:.0f} ms | {real.failed} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", default="8,16,64,96,128,160")
    parser.add_argument("--seconds", type=float, default=15.0)
    chosen = parser.parse_args()
    counts = [int(count) for count in chosen.callers.split(",")]
    with launch.platform(**SETTINGS) as (url, key):
        gateway = url.replace("ws://", "http://").partition("/v1/")[0]
        process = _process_at(int(gateway.rpartition(":")[2]))
        asyncio.run(called(gateway, key, 2, 3.0, process))
        before_s, begun_s = core_s(process), time.perf_counter()
        time.sleep(IDLE_S)
        idle = (core_s(process) - before_s) / (time.perf_counter() - begun_s)
        reals = [asyncio.run(called(gateway, key, count, chosen.seconds, process)) for count in (1, FEW, *counts)]
    one, few, *rest = reals
    turn_s = (few.used - idle) / few.rate
    first_s = min(one.critical_s, turn_s)
    command = f"python bench/scale/validate.py --callers {chosen.callers} --seconds {chosen.seconds:g}"
    known = {
        "embedded_turn": turn_s,
        "embedded_first_sound": first_s,
        "embedded_idle": idle,
        "critical_share": first_s / turn_s,
    }
    written(known, command)
    print(f"told to the simulation: {turn_s * 1000:.1f} ms of a core a turn, {first_s * 1000:.1f} ms of it before the first sound, "
          f"{idle:.3f} of a core when idle, {one.first_ms[0]:.0f} ms until the first sound with one caller\n")  # fmt: skip
    process_of = Process(first_s, turn_s, idle, max(0.0, one.first_ms[0] / 1000 - first_s))
    shown([(real, alone(process_of, real.callers, hold_s=real.hold_s, pause_s=PAUSE_S)) for real in (one, *rest)])


def _process_at(port: int) -> psutil.Process:
    return psutil.Process(
        next(c.pid for c in psutil.net_connections("tcp") if c.laddr.port == port and c.status == "LISTEN")
    )


if __name__ == "__main__":
    main()
