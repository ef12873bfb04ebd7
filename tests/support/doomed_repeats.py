"""A gateway that makes a key under an Idempotency-Key and is killed at a given step: `python -m tests.support.doomed_repeats FOLDER STEP`.

With another word for a step it makes all those keys, twice, and prints the answers and how many keys there are. Killed means SIGKILL: no handler, no clean-up.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

import voiceagent.web.repeats.once as once_module
from voiceagent.adapters.cache.memory import MemoryCache
from voiceagent.adapters.store.identities import SqlKeys
from voiceagent.adapters.store.repeats.answers import SqlRepeats
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.domain.identity import ROLES, Tenant
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.gateway.link import LinkOptions
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.server import create_gateway
from voiceagent.kit.clock import SystemClock
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.repeats.once import Once
from voiceagent.web.serve import Listener, Servers

STEPS: dict[str, tuple[Any, str]] = {
    "claimed": (Once, "_claimed"),
    "changed": (SqlKeys, "add"),
    "kept": (SqlRepeats, "keep"),
    "committed": (Once, "answer"),
}
TENANT = "ten_a"


def _fatal(call: Callable[..., Any]) -> Callable[..., Any]:
    async def fatal(*arguments: Any, **named: Any) -> Any:
        await call(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return fatal


async def _secret(store: SqlStore, folder: Path) -> str:
    file = folder / "secret"
    if not file.exists():
        await store.directory.add_tenant(Tenant(TENANT, TENANT, datetime.now(UTC)))
        key, secret = new_key(KeyOrder(TENANT, "", "first", frozenset(ROLES["owner"])), datetime.now(UTC))
        async with store.begin(TENANT) as work:
            await work.keys.add(key)
        file.write_text(secret)
    return file.read_text()


async def _made(client: aiohttp.ClientSession, order: str) -> Any:
    wanted = {"name": order, "scopes": ["talk"]}
    async with client.post("/api/v1/keys", json=wanted, headers={"Idempotency-Key": order}) as answer:
        return await answer.json()


async def main(folder: Path, step: str) -> None:
    store = open_store(f"sqlite:///{folder / 'voiceagent.db'}")
    await store.migrate()
    secret = await _secret(store, folder)
    once_module.HELD_FOR = timedelta(milliseconds=1)  # nobody need wait for the dead
    if step in STEPS:
        owner, name = STEPS[step]
        setattr(owner, name, _fatal(getattr(owner, name)))
    services: dict[str, list[str]] = {name: ["http://127.0.0.1:9"] for name in ("engine", "voice", "documents")}
    cache, link = MemoryCache(SystemClock()), LinkOptions(probes=False)
    parts = GatewayParts(store, cache, services, TokenKeys.random(), TokenKeys.random(), link=link)
    servers = Servers([Listener(create_gateway(parts), 0)], drain_s=1)
    await servers.start()
    headers = {"Authorization": f"Bearer {secret}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{servers.ports[0]}", headers=headers) as client:
        made = [[await _made(client, name) for _ in range(2)] for name in ([step] if step in STEPS else STEPS)]
        async with client.get("/api/v1/keys") as answer:
            keys = await answer.json()
    sys.stdout.write(json.dumps({"made": made, "keys": len(keys["items"])}) + "\n")
    await servers.stop()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
