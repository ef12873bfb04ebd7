"""One tenant tries every id of another on every operation that the OpenAPI descriptions name, and must learn nothing.

`python -m bench.security.crawl [--calls 5000]`. Each foreign id is tried beside a made-up one: both must get the same answer (status and
body), so that not even its existence shows. Every answer is searched for the canaries planted in each field of the victim's objects and for
ids that the call did not itself send. Afterwards everything of the victim must read as before.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from bench.security.operations import ID_LIKE, Operation, operations
from bench.security.stage import Stage, stage
from bench.security.victim import Member, Victim, enrol, fill, opened_store
from voiceagent.apps import keyring
from voiceagent.apps.settings import DataSettings, Settings

AT_ONCE = 8
SLOW = ("/api/v1/voice/turns", "/v1/audio", "/api/v1/users POST")
_OWN_ACCOUNT = re.compile(r"^/api/v1/(auth/|me/)|^/\.well-known|^/health|^/metrics")
"""What acts on the caller alone and takes no id, or would end the caller's session."""

_SPOOFS = (
    "X-Tenant-Id",
    "X-Voiceagent-Tenant",
    "X-User-Tenant",
    "X-Forwarded-User",
    "X-Voiceagent-Subject",
    "X-User-Id",
)


@dataclass(frozen=True)
class Call:
    """One request. sent: ids in it that an answer may repeat.  pair: calls of one pair must get one answer."""

    operation: Operation
    path: str
    headers: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    form: tuple[tuple[str, str], ...] = ()
    sent: tuple[str, ...] = ()
    pair: int = 0


@dataclass
class Findings:
    """What came of it."""

    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    foreign: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    operations: int = 0
    took_s: float = 0.0
    filled_s: float = 0.0
    slowest: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not (self.foreign or self.signals or self.changed or self.failures)


def made_up(one: str) -> str:
    """An id of the same shape that nobody has."""
    head, _, tail = one.rpartition("_") if "_" in one else one.rpartition("-")
    mark = "_" if "_" in one else "-"
    seeded = random.Random(one)
    return head + mark + "".join(seeded.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in tail)


def calls_for(operation: Operation, victim: Victim, caller: dict[str, str]) -> Iterator[Call]:
    """Each foreign id in each place where an id may stand, beside its made-up twin; then plain, and under false names."""
    headers = tuple(caller.items())
    pairs = itertools.count(1)
    for one in victim.all_ids:
        for place in _places(operation):
            pair = next(pairs)
            for value in (one, made_up(one)):
                yield replace(_with(operation, place, value, headers), pair=pair, sent=(value,))
    plain = _with(operation, "", "", headers)
    yield plain
    for spoof in _SPOOFS:
        yield replace(plain, headers=(*headers, (spoof, victim.member.tenant_id)))


def _places(operation: Operation) -> list[str]:
    body = operation.body or {}
    if operation.form or any(operation.path.startswith(slow) for slow in SLOW):
        return [f"form:{name}" for name in operation.form if ID_LIKE.search(name)][:1]
    if operation.name == "POST /api/v1/users":
        return []
    fields = [name for name in body if ID_LIKE.search(name) and not isinstance(body[name], dict)]
    return (
        [f"path:{name}" for name in operation.params]
        + [f"query:{name}" for name in operation.queries if ID_LIKE.search(name)]
        + [f"body:{name}" for name in fields]
    )


def _with(operation: Operation, place: str, value: str, headers: tuple[tuple[str, str], ...]) -> Call:
    where, _, name = place.partition(":")
    path = operation.path
    for param in operation.params:
        path = path.replace(f"{{{param}}}", value if name == param and where == "path" else f"none_{param}")
    body = operation.body
    if body is not None and where == "body":
        body = body | {name: [value] if isinstance(body[name], list) else value}
    query = ((name, value),) if where == "query" else ()
    form = tuple((one, value if one == name else "x") for one in operation.form) if operation.form else ()
    return Call(operation, path, headers, query, body, form)


class Crawl:
    """Makes the calls and judges the answers."""

    def __init__(self, client: aiohttp.ClientSession, victim: Victim, findings: Findings) -> None:
        self._client = client
        self._victim = victim
        self._found = findings
        self._needles = re.compile("|".join(map(re.escape, (*victim.canaries, *victim.all_ids))).encode())
        self._taken: set[str] = set()
        self._twins: dict[tuple[str, tuple[tuple[str, str], ...], int], tuple[int, str]] = {}

    async def run(self, calls: list[Call]) -> None:
        """Paths side by side; the calls of one path in their order, because each sees what the one before has made."""
        groups: dict[str, list[Call]] = {}
        for call in calls:
            groups.setdefault(call.operation.path, []).append(call)
        gate = asyncio.Semaphore(AT_ONCE)

        async def group(some: list[Call]) -> None:
            for call in some:
                async with gate:
                    await self._one(call)

        await asyncio.gather(*(group(some) for some in groups.values()))

    async def _one(self, call: Call) -> None:
        data: aiohttp.FormData | None = None
        if call.form:
            data = aiohttp.FormData()
            for name, value in call.form:
                if name == "file":
                    data.add_field("file", b"nothing of note", filename="probe.txt", content_type="text/plain")
                else:
                    data.add_field(name, value)
        started_s = time.monotonic()
        async with self._client.request(
            call.operation.method, call.path, headers=call.headers, params=call.query, json=call.body, data=data
        ) as answer:
            raw = await answer.read()
        self._found.slowest[call.operation.name] += time.monotonic() - started_s
        self._found.calls += 1
        self._found.statuses[answer.status] += 1
        self._judge(call, answer.status, raw)

    def _judge(self, call: Call, status: int, raw: bytes) -> None:
        name = call.operation.name
        if status >= 500 or status == 429:
            self._found.failures.append(f"{name}: {status} {raw[:200]!r}")
        seen = {needle.decode() for needle in self._needles.findall(raw)} - {*call.sent, *self._taken}
        if status < 300 and call.operation.method != "GET":
            self._taken.update(call.sent)  # the caller may have made something of that name, which is then its own
        if seen:
            self._found.foreign.append(f"{name} {call.path}: {sorted(seen)}")
        if not call.pair:
            return
        shape = (status, _normal(raw, call.sent) if status >= 400 else "an answer")
        other = self._twins.setdefault((name, call.headers, call.pair), shape)
        if other != shape:
            self._found.signals.append(f"{name} {call.path}: {other} against {shape}"[:600])


def _normal(raw: bytes, sent: tuple[str, ...]) -> str:
    """An error without its request id and the id that was sent."""
    text = raw.decode("utf-8", "replace")
    for one in sent:
        text = text.replace(one, "ID")
    try:
        body = json.loads(text)
    except ValueError:
        return "no JSON"
    if not isinstance(body, dict):
        return text
    body.pop("request_id", None)
    return json.dumps(body, sort_keys=True)


async def read_all(client: aiohttp.ClientSession, victim: Victim, some: list[Operation]) -> dict[str, str]:
    """Everything of the victim as its owner reads it."""
    found = {}
    for operation in some:
        if operation.method != "GET" or _OWN_ACCOUNT.search(operation.path) or len(operation.params) > 1:
            continue
        if (
            operation.path in ("/api/v1/health", "/api/v1/limits", "/api/v1/keys", "/api/v1/me")
            or "audit" in operation.path
        ):
            continue  # these change by being used
        for one in victim.ids.get(operation.params[0], []) if operation.params else [""]:
            path = operation.path.replace(f"{{{operation.params[0]}}}", one) if operation.params else operation.path
            async with client.get(path, headers=victim.member.key) as answer:
                found[path] = f"{answer.status} {re.sub(r'req_[0-9a-f]+', '', await answer.text())}"
    return found


async def sockets(client: aiohttp.ClientSession, victim: Victim, attacker: Member, findings: Findings) -> None:
    """The realtime socket with foreign agents and conversations."""
    needles = [*victim.canaries]
    for one, name in itertools.product(victim.all_ids, ("agent_id", "conversation_id")):
        findings.calls += 1
        try:
            async with client.ws_connect(
                "/v1/realtime", params={"model": "x", name: one}, headers=attacker.key
            ) as socket:
                try:
                    for _ in range(3):
                        message = await socket.receive(timeout=0.3)
                        if any(needle in str(message.data) for needle in needles):
                            findings.foreign.append(f"WS {name}={one}: {str(message.data)[:200]}")
                except TimeoutError:
                    pass
            findings.statuses[101] += 1
        except aiohttp.WSServerHandshakeError as refused:
            findings.statuses[refused.status] += 1


async def crawl(on: Stage, most_calls: int) -> Findings:
    """Enrol two tenants, fill one, let the other try everything."""
    findings, started_s = Findings(), time.monotonic()
    store = opened_store(on.store_url)
    access_keys = keyring.access_keys(Settings(data=DataSettings(dir=on.data_dir)))
    victim = Victim(await enrol(store, "ten_victim", access_keys))
    attacker = await enrol(store, "ten_attacker", access_keys)
    async with aiohttp.ClientSession(on.url, timeout=aiohttp.ClientTimeout(total=60)) as client:
        await fill(store, victim, client)
        known = [one for one in operations() if not _OWN_ACCOUNT.search(one.path)]
        findings.filled_s = time.monotonic() - started_s
        before = await read_all(client, victim, known)
        assert sum(canary in str(before) for canary in victim.canaries) > len(victim.canaries) / 2, (
            "the bait is not there"
        )
        calls = [
            call
            for caller in (attacker.key, attacker.token, attacker.viewer)
            for operation in known
            for call in calls_for(operation, victim, caller)
        ]
        calls = _thinned(calls, most_calls)
        findings.operations = len({call.operation.name for call in calls})
        await Crawl(client, victim, findings).run(calls)
        await sockets(client, victim, attacker, findings)
        after = await read_all(client, victim, known)
        findings.changed = [path for path, text in before.items() if after.get(path) != text]
    await store.close()
    findings.took_s = time.monotonic() - started_s
    return findings


def _thinned(calls: list[Call], most: int) -> list[Call]:
    """About `most` of them, pairs kept together, every operation in it."""
    if len(calls) <= most:
        return calls
    kept, per_operation = [], max(2, 2 * most // (2 * len({call.operation.name for call in calls})))
    seen: Counter[str] = Counter()
    for call in calls:
        seen[call.operation.name] += 1
        if seen[call.operation.name] <= per_operation - per_operation % 2:
            kept.append(call)
    return kept


def main() -> int:
    """Print the findings; 0 when there is nothing to find."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="at most about so many")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as on:
        findings = asyncio.run(crawl(on, arguments.calls))
    print(f"{findings.calls} calls of {findings.operations} operations in {findings.took_s:.0f} s")
    print(
        f"of these {findings.filled_s:.0f} s to fill; slowest:",
        {k: round(v, 1) for k, v in findings.slowest.most_common(5)},
    )
    print("statuses:", dict(sorted(findings.statuses.items())))
    for name in ("foreign", "signals", "changed", "failures"):
        some = getattr(findings, name)
        print(f"{name}: {len(some)}", *some[:20], sep="\n  " if some else "")
    return 0 if findings.clean else 1


if __name__ == "__main__":
    sys.exit(main())
