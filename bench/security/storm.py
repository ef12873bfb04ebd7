"""A storm of cancellations: clients of ten organisations, each call cut off at a random moment, every byte searched for what is others'.

`python -m bench.security.storm [--clients 200] [--seconds 120]`. A whole platform with its cache and bus in Redis. What is cut off too late to be
cut must be the answer to its own question: a connection that got out of step would show there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.servers import redis_server

from bench.security.stage import Stage, stage
from bench.security.victim import Victim, enrol, fill, opened_store
from voiceagent.apps import keyring
from voiceagent.apps.settings import DataSettings, Settings

TENANTS = 10
LATEST_CUT_S = 0.25
CUT_SHARE = 0.7
WITHIN_S = 60.0
_CANARY = re.compile(rb"cnry[0-9a-f]{16}")


@dataclass
class Findings:
    """refused: answers of 4xx and 5xx, by code and call.  foreign: those with bytes of another organisation.  astray: to another question."""

    calls: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    read_bytes: int = 0
    seen: int = 0
    foreign: list[str] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.foreign and not self.astray


@dataclass(frozen=True)
class Asked:
    """One call. expected: words that stand in a whole answer 200."""

    method: str
    path: str
    body: Any = None
    expected: Sequence[str] = ()


class Client:
    """One caller of one organisation, who is never patient for long."""

    def __init__(self, http: aiohttp.ClientSession, victim: Victim, findings: Findings, seed: int) -> None:
        self._http = http
        self._victim = victim
        self._found = findings
        self._chance = random.Random(seed)
        self._own = {canary.encode() for canary in victim.canaries}

    async def run(self, ends_at_s: float) -> None:
        while time.monotonic() < ends_at_s:
            cut_s = self._chance.random() * LATEST_CUT_S if self._chance.random() < CUT_SHARE else WITHIN_S
            speaks = self._chance.random() < 0.1
            task = asyncio.create_task(self._talk() if speaks else self._call(self._asked()))
            done, _ = await asyncio.wait({task}, timeout=cut_s)
            if not done:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError, TimeoutError, OSError):
                await task
            self._found.calls["whole" if done else "cut off"] += 1

    def _asked(self) -> Asked:
        ids, word = self._victim.ids, f"w{self._chance.getrandbits(48):012x}"
        agent, conversation, document = (ids[name][0] for name in ("agent_id", "conversation_id", "document_id"))
        own = self._chance.choice(self._victim.canaries[:1])
        chat = {
            "model": "chat",
            "stream": self._chance.random() < 0.5,
            "messages": [{"role": "user", "content": f"{word} {own}"}],
        }
        return self._chance.choice(
            (
                Asked("GET", f"/api/v1/agents/{agent}", None, (agent,)),
                Asked("GET", f"/api/v1/conversations/{conversation}", None, (conversation,)),
                Asked("GET", f"/api/v1/documents/{document}", None, (document,)),
                Asked("GET", "/api/v1/me", None, (self._victim.member.tenant_id,)),
                Asked("GET", "/api/v1/collections", None, (ids["collection_id"][0],)),
                Asked("POST", "/api/v1/search", {"query": f"code word of the project {word}"}),
                Asked("POST", "/api/v1/ask", {"question": f"What is the code word of the project? {word}"}),
                Asked("POST", "/v1/chat/completions", chat, () if chat["stream"] else (word,)),
                Asked("POST", "/api/v1/voice/tickets", {}),
            )
        )

    async def _call(self, asked: Asked) -> None:
        raw = b""
        try:
            async with self._http.request(
                asked.method, asked.path, json=asked.body, headers=self._victim.member.key
            ) as answer:
                self._found.statuses[answer.status] += 1
                async for piece in answer.content.iter_any():
                    raw += piece
        finally:
            self._judge(f"{asked.method} {asked.path}", raw)
        if answer.status >= 400:
            self._note_refusal(answer.status, raw, f"{asked.method} {asked.path.rpartition('/')[0]}")
        if answer.status == 200 and any(word not in raw.decode("utf-8", "replace") for word in asked.expected):
            self._found.astray.append(f"{asked.method} {asked.path}: {raw[:200]!r}")

    async def _talk(self) -> None:
        """Words over the realtime socket, answered in words."""
        word = f"w{self._chance.getrandbits(48):012x} {self._victim.canaries[0]}"
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": word}]}
        raw = b""
        try:
            async with self._http.ws_connect("/v1/realtime?model=m", headers=self._victim.member.key) as socket:
                self._found.statuses[101] += 1
                await socket.send_str(json.dumps({"type": "conversation.item.create", "item": item}))
                await socket.send_str(
                    json.dumps({"type": "response.create", "response": {"output_modalities": ["text"]}})
                )
                async for message in socket:
                    raw += str(message.data).encode()
                    if '"response.done"' in str(message.data):
                        break
        except aiohttp.WSServerHandshakeError as refused:
            self._found.statuses[refused.status] += 1
            self._found.refused[f"{refused.status} WS /v1/realtime"] += 1
        finally:
            self._judge("WS /v1/realtime", raw)

    def _note_refusal(self, status: int, raw: bytes, call: str) -> None:
        body = json.loads(raw)
        self._found.refused[f"{status} {body.get('code') or body['error']['code']} {call}"] += 1

    def _judge(self, name: str, raw: bytes) -> None:
        self._found.read_bytes += len(raw)
        found = set(_CANARY.findall(raw))
        self._found.seen += len(found)
        if found - self._own:
            self._found.foreign.append(f"{name}: {sorted(found - self._own)[:3]}")


async def storm(on: Stage, clients: int, seconds: float) -> Findings:
    """Ten organisations full of canaries, and all clients at once."""
    store = opened_store(on.store_url)
    keys = keyring.access_keys(Settings(data=DataSettings(dir=on.data_dir)))
    victims = [Victim(await enrol(store, f"ten_storm{number}", keys)) for number in range(TENANTS)]
    findings, within = Findings(), aiohttp.ClientTimeout(total=WITHIN_S)
    async with aiohttp.ClientSession(on.url, timeout=within, connector=aiohttp.TCPConnector(limit=0)) as http:
        for victim in victims:
            await fill(store, victim, http)
        ends_at_s = time.monotonic() + seconds
        callers = [Client(http, victims[number % TENANTS], findings, number) for number in range(clients)]
        await asyncio.gather(*(caller.run(ends_at_s) for caller in callers))
    await store.close()
    return findings


def _failed(line: str) -> str:
    told = json.loads(line)
    return f"{told.get('service')} {told['status']} {told['code']} {told['error']}"


def main() -> int:
    """Print the figures; 0 when nothing leaked, nothing was out of step and nothing crashed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120.0)
    chosen = parser.parse_args()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        url, _ = held.enter_context(redis_server())
        settings = {"CACHE__URL": url, "BUS__URL": url, "LIMITS__TENANT_REQUESTS_PER_S": "100000"}
        on = held.enter_context(stage(folder, settings))
        found = asyncio.run(storm(on, chosen.clients, chosen.seconds))
        said = on.log.read_text().splitlines()
    crashes = [line for line in said if "request_crashed" in line]
    inside = Counter(_failed(line) for line in said if '"request_failed"' in line)
    alarms = [line for line in said if "cache_value_of_another_key" in line]
    print(f"{chosen.clients} clients of {TENANTS} organisations, {chosen.seconds:g} s: {dict(found.calls)}")
    print("statuses", dict(sorted(found.statuses.items())))
    print("refused", *(f"{count} {why}" for why, count in found.refused.most_common(20)), sep="\n  ")
    print("failed inside", *(f"{count} {what}" for what, count in inside.most_common(10)), sep="\n  ")
    print(f"{found.read_bytes} bytes read, own canaries seen in them {found.seen} times")
    print(f"foreign: {len(found.foreign)}", *found.foreign[:10], sep="\n  ")
    print(f"answers to another question: {len(found.astray)}", *found.astray[:10], sep="\n  ")
    print(
        f"crashes in the log: {len(crashes)}, values of another key in the cache: {len(alarms)}",
        *crashes[:5],
        sep="\n  ",
    )
    return 0 if found.clean and not crashes and not alarms else 1


if __name__ == "__main__":
    sys.exit(main())
