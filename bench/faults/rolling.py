"""Rolling restarts under load: every process gets SIGTERM, one after the other, while people call, ask and upload; nobody may notice.

    python bench/faults/rolling.py [--rounds 20] [--minutes 60]

Two gateways, two engines, two voice processes, one worker. Clients know both gateways and do what any client does with two addresses: where
nobody takes the connection, they use the other one; nothing else is tried again. Each round waits a random time before each SIGTERM.
Prints a line a round: failed requests, dropped calls, lost or doubled acknowledgements, processes that did not end by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import aiohttp  # noqa: E402

from bench.faults import load  # noqa: E402
from bench.faults.cell import lost  # noqa: E402
from bench.faults.load import Call, Seen, TurnFailed  # noqa: E402
from bench.faults.stand import Stand, stand  # noqa: E402

ROLLED = ("gateway", "gateway:2", "engine", "engine:2", "voice", "voice:2", "worker")
TURNS_A_CALL = 3
REFUSED = (aiohttp.ClientConnectorError, aiohttp.WSServerHandshakeError)
"""What a client with two addresses answers by using the other one: nobody took the call."""


@dataclass
class Round:
    """What one rolling restart cost."""

    requests: int = 0
    calls: int = 0
    failed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    terminated: int = 0
    took_s: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether nobody noticed."""
        return not (self.failed or self.dropped or self.lost or self.hung)


async def rolled(made: Stand, names: tuple[str, ...] = ROLLED) -> Round:
    """One rolling restart under load."""
    told, seen, begun_s = Round(), Seen(), time.monotonic()
    async with _clients(made) as client:
        async with _loaded(client, made, told, seen):
            for name in names:
                await asyncio.sleep(random.uniform(0.0, 0.7))
                await _restarted(made, name, told)
        told.lost = await lost(client, made, seen)
    told.took_s = time.monotonic() - begun_s
    return told


async def _restarted(made: Stand, name: str, told: Round) -> None:
    told.terminated += 1
    try:
        code = await asyncio.to_thread(made.apart.running[name].stop)
        if code != 0:
            told.hung.append(f"{name} ended with {code}")
    except Exception as error:  # noqa: BLE001 - whatever keeps it from ending is what is counted here
        told.hung.append(f"{name}: {error!r}"[:100])
        made.apart.running[name].kill()
    await asyncio.to_thread(made.apart.start, name)


@asynccontextmanager
async def _clients(made: Stand):  # type: ignore[no-untyped-def]
    headers = {"Authorization": f"Bearer {made.apart.api_key}"}
    timeout = aiohttp.ClientTimeout(total=load.PATIENCE_S, sock_connect=2.0)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as client:
        yield client


@asynccontextmanager
async def _loaded(client: aiohttp.ClientSession, made: Stand, told: Round, seen: Seen):  # type: ignore[no-untyped-def]
    ending = asyncio.Event()
    works = [_calls(client, made, told, seen, ending, at) for at in range(3)]
    works += [_requests(client, made, told, ending, at) for at in range(2)]
    works.append(_uploads(client, made, told, seen, ending))
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        ending.set()
        await asyncio.gather(*tasks)


async def _somewhere(made: Stand, at: int, work: Callable[[str], Awaitable[None]]) -> None:
    """`work` at one gateway, or at the other when nobody is there."""
    first, second = made.gateways[at % 2], made.gateways[(at + 1) % 2]
    try:
        await work(first)
    except REFUSED:
        await work(second)


async def _calls(
    client: aiohttp.ClientSession, made: Stand, told: Round, seen: Seen, ending: asyncio.Event, first: int
) -> None:
    for at in itertools.count(first):
        if ending.is_set():
            return
        call = Call(client, seen)
        try:
            await _somewhere(made, at, call.connect)
            for _ in range(TURNS_A_CALL):
                seen.turns.append((call.conversation_id, await call.turn()))
            told.calls += 1
        except (*load.ERRORS, TurnFailed, ValueError) as failure:
            told.dropped.append(f"{failure!r}"[:160])
        finally:
            await call.close()
        await asyncio.sleep(0.2)


async def _requests(client: aiohttp.ClientSession, made: Stand, told: Round, ending: asyncio.Event, first: int) -> None:
    for at in itertools.count(first):
        if ending.is_set():
            return
        ask = load.chatted if (at // 2) % 2 else load.listed
        try:
            await _somewhere(made, at, lambda gateway, ask=ask: ask(client, gateway))  # type: ignore[misc]
            told.requests += 1
        except load.ERRORS as failure:
            told.failed.append(f"{ask.__name__}: {failure!r}"[:160])
        await asyncio.sleep(0.1)


async def _uploads(client: aiohttp.ClientSession, made: Stand, told: Round, seen: Seen, ending: asyncio.Event) -> None:
    for at in itertools.count():
        if ending.is_set():
            return
        word = f"roll{time.monotonic_ns()}"

        async def upload(gateway: str, word: str = word) -> None:
            seen.documents.append((await load.uploaded(client, gateway, word), word))

        try:
            await _somewhere(made, at, upload)
            told.requests += 1
        except load.ERRORS as failure:
            told.failed.append(f"upload: {failure!r}"[:160])
        await asyncio.sleep(1.5)


def _line(number: int, one: Round) -> str:
    shown = f"round {number:3}  {one.took_s:5.1f} s  SIGTERMs {one.terminated}  requests {one.requests:4} failed {len(one.failed)}"
    shown += f"  calls {one.calls:3} dropped {len(one.dropped)}  lost or doubled {len(one.lost)}  hung {len(one.hung)}"
    return "  ".join([shown, *(one.failed + one.dropped + one.lost + one.hung)[:3]])


def report(rounds: list[Round]) -> str:
    """All rounds in one line."""
    terminated, well = sum(one.terminated for one in rounds), sum(one.holds for one in rounds)
    requests, calls = sum(one.requests for one in rounds), sum(one.calls for one in rounds)
    bad = [sum(map(len, kind)) for kind in zip(*((o.failed, o.dropped, o.lost, o.hung) for o in rounds), strict=True)]
    return (
        f"{well} of {len(rounds)} rolling restarts unnoticed; {terminated} SIGTERMs; {requests} requests, {bad[0]} failed; "
        f"{calls} calls of {TURNS_A_CALL} turns, {bad[1]} dropped; {bad[2]} acknowledgements lost or doubled; {bad[3]} processes hung"
    )


async def run(rounds: int, minutes: float, folder: Path) -> list[Round]:
    """So many rolling restarts of one installation; none begins after so many minutes."""
    done: list[Round] = []
    ends_at_s = time.monotonic() + 60 * minutes
    async with stand(folder, direct=True, VOICEAGENT_SERVER__RETIRE_S="1.0") as made:
        for number in range(1, rounds + 1):
            if time.monotonic() > ends_at_s:
                break
            done.append(await rolled(made))
            print(_line(number, done[-1]), flush=True)
    return done


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--minutes", type=float, default=60.0, help="begin no further round after so long")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="va-rolling-", ignore_cleanup_errors=True) as folder:
        print(report(asyncio.run(run(chosen.rounds, chosen.minutes, Path(folder)))))


if __name__ == "__main__":
    main()
