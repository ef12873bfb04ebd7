"""One cell of the matrix: load, a fault, its end; what died, what was silent, when all was well again, what was lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass, field

import aiohttp

from bench.faults import load
from bench.faults.load import Call, Seen
from bench.faults.stand import Stand

BEFORE_S = 1.0
FAULT_S = 6.0
FREEZE_S = 30.0
WELL_WITHIN_S = 60.0
SILENCE_S, RECOVERY_S, GROWTH_BYTES = 3.0, 10.0, 64 << 20
"""What is asked: no call silent for longer, full service not later, no process larger by more."""
READY_S = 120.0


@dataclass
class Verdict:
    """What was seen. recovery_s: from the end of the fault to full service; lost: acknowledged and gone, or twice.

    load: of the machine in its last minute, by all that ran on it.
    """

    part: str
    fault: str
    died: list[str] = field(default_factory=list)
    silent_s: float = 0.0
    silent_after: str = ""
    request_s: float = 0.0
    recovery_s: float = 0.0
    lost: list[str] = field(default_factory=list)
    grown_mib: float = 0.0
    grown: str = ""
    completed: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    waiting_for: str = ""
    load: float = 0.0

    @property
    def is_broken(self) -> bool:
        """Whether the installation did not come back by itself: the next cell needs a new one."""
        return bool(self.died) or self.recovery_s >= WELL_WITHIN_S

    @property
    def holds(self) -> bool:
        """Whether the cell is as it is asked to be."""
        return (
            not self.died
            and not self.lost
            and self.silent_s <= SILENCE_S
            and self.recovery_s <= RECOVERY_S
            and self.grown_mib * 2**20 <= GROWTH_BYTES
        )


async def cell(
    stand: Stand, part: str, fault: str, *, fault_s: float = FAULT_S, freeze_s: float = FREEZE_S, patience: float = 1.0
) -> Verdict:
    """Let `fault` happen to `part` under load. patience: so many times as long as the benchmark is waited for being well again."""
    seen, verdict = Seen(), Verdict(part, fault)
    before = stand.resident_bytes()
    headers = {"Authorization": f"Bearer {stand.apart.api_key}"}
    timeout = aiohttp.ClientTimeout(total=load.PATIENCE_S, sock_connect=2.0)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as client:
        async with _loaded(client, stand, seen, part):
            await asyncio.sleep(BEFORE_S)
            await stand.fail(part, fault)
            await asyncio.sleep(freeze_s if fault == "freeze" else fault_s)
            verdict.died = [name for name in stand.dead() if not (fault == "kill" and name == part)]
            await stand.heal(part, fault)
            verdict.recovery_s, verdict.waiting_for = await _well_again(client, stand, patience)
        verdict.died += [name for name in stand.dead() if name not in verdict.died]
        verdict.lost = await lost(client, stand, seen)
    after = stand.resident_bytes()
    grown = [((after[name] - before[name]) / 2**20, name) for name in after if name in before and name != part]
    verdict.grown_mib, verdict.grown = max(grown, default=(0.0, ""))
    (verdict.silent_s, verdict.silent_after), verdict.completed = seen.longest(), seen.completed
    verdict.load = round(os.getloadavg()[0], 1)
    verdict.request_s = max(seen.rest_waits, default=(0.0, ""))[0]
    for failure in seen.failed:
        kind = failure[:80]
        verdict.failures[kind] = verdict.failures.get(kind, 0) + 1
    return verdict


@contextlib.asynccontextmanager
async def _loaded(client: aiohttp.ClientSession, stand: Stand, seen: Seen, part: str):  # type: ignore[no-untyped-def]
    """Load for the length of the block. Only a client can notice that the gateway itself is gone: there it is less patient."""
    patience_s = load.GATEWAY_PATIENCE_S if part == "gateway" else load.PATIENCE_S
    works = [load.calls(client, stand.gateways, seen, first=n, patience_s=patience_s) for n in range(2)]
    works += [load.requests(client, stand.gateways, seen), load.uploads(client, stand.gateways, seen)]
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _well_again(client: aiohttp.ClientSession, stand: Stand, patience: float) -> tuple[float, str]:
    """Seconds until every gateway answered a spoken turn on a new call, a chat, a read, and found a new document; and what came last."""
    healed_s = time.monotonic()
    tries = [
        asyncio.create_task(_until_well(name, at, client, gateway, patience))
        for at, gateway in enumerate(stand.gateways)
        for name in ("call", "chat", "read", "document")
    ]
    done = await asyncio.gather(*tries)
    at_s, last = max(done)
    return at_s - healed_s, last if at_s - healed_s > 1.0 else ""


async def _until_well(
    what: str, at: int, client: aiohttp.ClientSession, gateway: str, patience: float
) -> tuple[float, str]:
    """When it was well, and what it was, with what kept it from being so."""
    ends_at_s = time.monotonic() + WELL_WITHIN_S * patience
    kept: list[str] = []
    while time.monotonic() < ends_at_s:
        steps = Steps()
        try:
            async with asyncio.timeout(_TRY_S[what] * patience):
                await _PROBES[what](client, gateway, steps)
            break
        except (*load.ERRORS, load.TurnFailed, TypeError, ValueError) as failure:
            kept.append(f"{steps.last} {failure!r}"[:80])
            await asyncio.sleep(0.2)
    return time.monotonic(), f"{what} at {at + 1}" + (f" after {len(kept)} failed tries, {kept[-1]}" if kept else "")


class Steps:
    """How far a probe came. last: its last step."""

    last = ""


async def _chat(client: aiohttp.ClientSession, gateway: str, _: Steps) -> None:
    await load.chatted(client, gateway)


async def _read(client: aiohttp.ClientSession, gateway: str, _: Steps) -> None:
    await load.listed(client, gateway)


async def _call(client: aiohttp.ClientSession, gateway: str, _: Steps) -> None:
    call = Call(client, Seen())
    try:
        await call.connect(gateway)
        await call.turn()
    finally:
        await call.close()


async def _document(client: aiohttp.ClientSession, gateway: str, steps: Steps) -> None:
    word = f"probe{time.monotonic_ns()}"
    steps.last = "upload"
    document_id = await load.uploaded(client, gateway, word)
    steps.last = "search"
    while not await load.found(client, gateway, word):
        steps.last = await load.state(client, gateway, document_id)
        await asyncio.sleep(0.2)


_TRY_S = {"call": 5.0, "chat": 5.0, "read": 5.0, "document": 20.0}
_PROBES = {"call": _call, "chat": _chat, "read": _read, "document": _document}


async def lost(client: aiohttp.ClientSession, stand: Stand, seen: Seen) -> list[str]:
    """Acknowledged turns that are not stored, or twice, and acknowledged documents that are no more."""
    lost = []
    for conversation_id in dict.fromkeys(one for one, _ in seen.turns):
        async with client.get(f"{stand.gateways[1]}/api/v1/conversations/{conversation_id}/turns?limit=200") as answer:
            asked = [turn["asked"] for turn in (await answer.json())["turns"]]
        said = [text for one, text in seen.turns if one == conversation_id]
        lost += [f"turn {text}" for text in said if asked.count(text) != 1]
    for document_id, _ in seen.documents:
        async with client.get(f"{stand.gateways[1]}/api/v1/documents/{document_id}") as answer:
            if answer.status != 200:
                lost.append(f"document {document_id}")
    return lost
